// The alert rules: on what is watched, which Nightshift answers, and on Nightshift itself,
// which people answer. What each rule asks is data: alert-rules.json, and docs/ALERTS.md.
metadata description = 'Metric, log search and activity log alerts'

@description('Azure region of the log search alerts, the workspace\'s')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('ARM id of the action group that Nightshift answers')
param actionGroupId string

@description('ARM id of the action group of the people who look after Nightshift')
param peopleGroupId string

@description('ARM id of the Log Analytics workspace: agents\' logs, and Nightshift\'s own')
param workspaceId string

@description('ARM id of the function app')
param functionAppId string

@description('ARM id of the app\'s storage account')
param storageId string

@description('ARM ids of the Event Grid system topics')
param systemTopicIds array = []

@description('ARM ids of the custom topics that deliver to Nightshift')
param topicIds array = []

@description('Regions whose VMs are watched for their availability')
param machineRegions array = [
  location
]

@description('ARM ids of Batch accounts')
param batchAccountIds array = []

@description('ARM ids of Azure ML workspaces')
param mlWorkspaceIds array = []

@description('ARM ids of Azure ML online endpoints')
param endpointIds array = []

@description('ARM ids of AKS clusters')
param aksClusterIds array = []

@description('False: the rules on what is watched are made and do not fire; those on Nightshift itself do')
param isEnabled bool = true

var rules = loadJsonContent('alert-rules.json')
var watched = {
  aks: aksClusterIds
  batch: batchAccountIds
  endpoints: endpointIds
  machines: [] // below, since one rule watches all of a region
  ml: mlWorkspaceIds
  storage: [
    storageId
  ]
  systemTopics: systemTopicIds
  topics: topicIds
}

// One alert for each rule and each resource that it is about.
var onResources = flatten(map(rules.metric, rule => map(watched[rule.scope], id => {
  rule: rule
  id: id
})))
var onMachines = flatten(map(filter(rules.metric, rule => rule.scope == 'machines'), rule => map(machineRegions, region => {
  rule: rule
  region: region
})))

resource resourceAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for one in onResources: {
    name: '${baseName}-${one.rule.name}-${uniqueString(one.id)}'
    location: 'global'
    tags: tags
    properties: {
      description: one.rule.says
      severity: one.rule.severity
      enabled: one.rule.isOurs || isEnabled
      scopes: [
        one.id
      ]
      evaluationFrequency: one.rule.frequency
      windowSize: one.rule.window
      // Failed tasks stay failed when no more of them fail: what waits is not taken back.
      autoMitigate: one.rule.name != 'batch-tasks-failed'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: one.rule.name
            metricNamespace: one.rule.namespace
            metricName: one.rule.metric
            timeAggregation: one.rule.aggregation
            operator: one.rule.operator
            threshold: one.rule.threshold
            dimensions: one.rule.dimensions
          }
        ]
      }
      actions: [
        {
          actionGroupId: one.rule.isOurs ? peopleGroupId : actionGroupId
        }
      ]
    }
  }
]

// Every VM of the subscription and region, those that are made tomorrow as well.
resource machineAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for one in onMachines: {
    name: '${baseName}-${one.rule.name}-${one.region}'
    location: 'global'
    tags: tags
    properties: {
      description: one.rule.says
      severity: one.rule.severity
      enabled: isEnabled
      scopes: [
        subscription().id
      ]
      targetResourceType: one.rule.namespace
      targetResourceRegion: one.region
      evaluationFrequency: one.rule.frequency
      windowSize: one.rule.window
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: one.rule.name
            metricNamespace: one.rule.namespace
            metricName: one.rule.metric
            timeAggregation: one.rule.aggregation
            operator: one.rule.operator
            threshold: one.rule.threshold
            dimensions: one.rule.dimensions
          }
        ]
      }
      actions: [
        {
          actionGroupId: actionGroupId
        }
      ]
    }
  }
]

// Tables that no agent has filled yet do not exist, so the queries are not tried now.
resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules.log: {
    name: '${baseName}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${baseName}-${rule.name}'
      description: rule.says
      severity: rule.severity
      enabled: rule.isOurs || isEnabled
      scopes: [
        workspaceId
      ]
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      autoMitigate: true
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: join(rule.query, '\n')
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.threshold
            resourceIdColumn: contains(join(rule.query, '\n'), '_ResourceId') ? '_ResourceId' : null
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          rule.isOurs ? peopleGroupId : actionGroupId
        ]
      }
    }
  }
]

resource activityAlerts 'Microsoft.Insights/activityLogAlerts@2020-10-01' = [
  for rule in rules.activityLog: {
    name: '${baseName}-${rule.name}'
    location: 'global'
    tags: tags
    properties: {
      description: rule.says
      enabled: isEnabled
      scopes: [
        subscription().id
      ]
      condition: {
        allOf: rule.all
      }
      actions: {
        actionGroups: [
          {
            actionGroupId: actionGroupId
          }
        ]
      }
    }
  }
]

// Whoever stops or deletes the app stops the night shift: people are told at once.
resource stopped 'Microsoft.Insights/activityLogAlerts@2020-10-01' = {
  name: '${baseName}-stopped'
  location: 'global'
  tags: tags
  properties: {
    description: 'Somebody stopped or deleted Nightshift\'s function app.'
    enabled: true
    scopes: [
      resourceGroup().id
    ]
    condition: {
      allOf: [
        {
          field: 'category'
          equals: 'Administrative'
        }
        {
          field: 'resourceId'
          equals: functionAppId
        }
        {
          field: 'status'
          equals: 'Succeeded'
        }
        {
          anyOf: [
            {
              field: 'operationName'
              equals: 'Microsoft.Web/sites/stop/action'
            }
            {
              field: 'operationName'
              equals: 'Microsoft.Web/sites/delete'
            }
          ]
        }
      ]
    }
    actions: {
      actionGroups: [
        {
          actionGroupId: peopleGroupId
        }
      ]
    }
  }
}
