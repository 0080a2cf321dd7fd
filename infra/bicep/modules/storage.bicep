// The app's own storage: ledger, queues, records, packages. No key opens it.
metadata description = 'Storage account with what the app keeps in it, and what the app may there'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('Name of the account')
@minLength(3)
@maxLength(24)
param name string

@description('Replication: ZRS outlives a zone, as what keeps the ledger should')
param sku string = 'Standard_ZRS'

@description('True: only private endpoints and trusted Azure services (Event Grid by identity) get in')
param isPrivate bool

@description('Days for which the app keeps copies of deliveries; the service deletes what is left a week later')
@minValue(0)
@maxValue(3650)
param archiveDays int

@description('Object id of the app\'s identity')
param principalId string

// Containers, queues and tables as the code names them.
var names = loadJsonContent('names.json')

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
var roles = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// The host coordinates and keeps its function keys in blobs (Owner is what its documentation asks
// for), the timers lock there; the ledger is in tables, the plans wait in queues.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
var appRoles = [
  roles.blobOwner
  roles.queueContributor
  roles.tableContributor
]

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35:isPrivate decides; without a network the app itself calls from outside; no key opens the account
  // checkov:skip=CKV_AZURE_59:Event Grid delivers by identity as a trusted service, which Disabled would forbid
  // checkov:skip=CKV_AZURE_206:the parameter's default is Standard_ZRS
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Event Grid reaches a queue by its identity as a trusted service, which Disabled would forbid.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in names.containers: {
    parent: blobs
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: names.packageContainer
  properties: {
    publicAccess: 'None'
  }
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: names.deadLetterContainer
  properties: {
    publicAccess: 'None'
  }
}

resource events 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = {
  parent: queueService
  name: names.eventsQueue
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [
  for queue in names.queues: {
    parent: queueService
    name: queue
  }
]

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' = [
  for table in names.tables: {
    parent: tableService
    name: table
  }
]

// tick_cleanup deletes copies in time; this bounds what stays if it does not run.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'archive'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                '${names.archiveContainer}/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: archiveDays + 7
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource appMay 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in appRoles: {
    name: guid(account.id, principalId, role)
    scope: account
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

@description('ARM id of the account')
output storageId string = account.id

@description('Name of the account')
output storageName string = account.name

@description('Address of the container that packages are deployed to')
output packageAddress string = '${account.properties.primaryEndpoints.blob}${packages.name}'

@description('Container of events that could not be delivered')
output deadLetterContainer string = deadLetters.name

@description('Container of rules that are taken without a deployment: NIGHTSHIFT_RULES_CONTAINER')
output rulesContainer string = names.rulesContainer

@description('Queue of on_platform_event')
output eventsQueue string = events.name
