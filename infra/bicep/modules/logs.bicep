// Where what Nightshift did is kept: the workspace, the audit's tables, the way in.
metadata description = 'Log Analytics workspace (or an existing one), tables, ingestion, Application Insights'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('ARM id of a Log Analytics workspace that is there already; empty: one is made')
param existingWorkspaceId string = ''

@description('Object id of the app\'s identity, which may send records and telemetry; nobody else may')
param principalId string

@description('Days for which records are kept for questions')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

@description('Whether records may come over the internet; they are signed in with Entra either way')
param isPublic bool = true

var isNew = empty(existingWorkspaceId)
// An empty id has no parts: the new workspace's own place stands in.
var place = split(isNew ? '${resourceGroup().id}/providers/Microsoft.OperationalInsights/workspaces/${baseName}-logs' : existingWorkspaceId, '/')
var access = isPublic ? 'Enabled' : 'Disabled'
// One list of columns for the code, its page and the tables: python -m cli.audit_columns
var columns = loadJsonContent('audit-columns.json')

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/monitor
var metricsPublisher = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (isNew) {
  name: '${baseName}-logs'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    publicNetworkAccessForIngestion: access
    publicNetworkAccessForQuery: 'Enabled'
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

// The existing one may be in another resource group, where only a module can write.
module tables 'logTables.bicep' = {
  name: '${baseName}-log-tables'
  scope: resourceGroup(place[2], place[4])
  params: {
    workspaceName: isNew ? workspace.name : place[8]
    columns: columns
    retentionDays: retentionDays
  }
}

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = {
  name: '${baseName}-ingestion'
  location: location
  tags: tags
  properties: {
    networkAcls: {
      publicNetworkAccess: access
    }
  }
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: '${baseName}-audit'
  location: location
  tags: tags
  properties: {
    description: 'Plans, steps and decisions of Nightshift'
    dataCollectionEndpointId: endpoint.id
    streamDeclarations: toObject(items(columns), table => 'Custom-${table.key}', table => {
      columns: map(table.value, column => {
        name: column.name
        type: toLower(column.type)
      })
    })
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: tables.outputs.workspaceId
        }
      ]
    }
    dataFlows: [
      for table in items(columns): {
        streams: [
          'Custom-${table.key}'
        ]
        destinations: [
          'workspace'
        ]
        transformKql: 'source'
        outputStream: 'Custom-${table.key}'
      }
    ]
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: '${baseName}-insights'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
    WorkspaceResourceId: tables.outputs.workspaceId
    publicNetworkAccessForIngestion: access
    publicNetworkAccessForQuery: 'Enabled'
  }
}

resource maySendRecords 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(rule.id, principalId, metricsPublisher)
  scope: rule
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: metricsPublisher
  }
}

resource maySendTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, principalId, metricsPublisher)
  scope: insights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: metricsPublisher
  }
}

@description('ARM id of the workspace')
output workspaceId string = tables.outputs.workspaceId

@description('NIGHTSHIFT_INGESTION_ENDPOINT')
output ingestionEndpoint string = endpoint.properties.logsIngestion.endpoint

@description('NIGHTSHIFT_INGESTION_RULE: the immutable id')
output ingestionRuleId string = rule.properties.immutableId

@description('ARM id of the rule')
output ingestionRuleResourceId string = rule.id

@description('APPLICATIONINSIGHTS_CONNECTION_STRING; it authenticates nobody')
output appInsightsConnectionString string = insights.properties.ConnectionString

@description('ARM id of Application Insights')
output appInsightsId string = insights.id
