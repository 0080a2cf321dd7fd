// What Nightshift hears from Event Grid; what it says there is in outcomeTopic.bicep.
metadata description = 'System topics, the forwarder\'s topic, their subscriptions'

@description('Azure region of the custom topics')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('ARM id of the function app')
param functionAppId string

@description('Whether the functions are there: Event Grid refuses a subscription to one that is not. False until the code is deployed')
param isSubscribed bool

@description('ARM id of the app\'s storage account')
param storageId string

@description('Queue of on_platform_event')
param queueName string

@description('Blob container for events that could not be delivered')
param deadLetterContainer string

@description('Azure ML workspaces to hear of, in this subscription')
param mlWorkspaceIds array = []

@description('AKS clusters to hear of, in this subscription')
param aksClusterIds array = []

@description('Maintenance configurations to hear of, in this subscription')
param maintenanceConfigurationIds array = []

@description('Sources that are left out: maintenance, health, aks-maintenance, resources, or ARM ids of those above. Event Grid allows one system topic of each kind for a source; where one is there already, subscribe on that')
param leftOutSources array = []

@description('Which changes of resources are told: success is left out, or every deployment would be an event')
param resourceEventTypes array = [
  'Microsoft.Resources.ResourceWriteFailure'
  'Microsoft.Resources.ResourceDeleteFailure'
  'Microsoft.Resources.ResourceActionFailure'
]

var functionId = '${functionAppId}/functions/on_maintenance_event'

// Sources of the whole subscription. What is urgent goes to the function at once.
// https://learn.microsoft.com/azure/event-grid/subscribe-to-resource-notifications-health-resources-events
var everyTopic = [
  {
    name: 'maintenance'
    type: 'Microsoft.ResourceNotifications.MaintenanceResources'
    isUrgent: true
    events: [
      'Microsoft.ResourceNotifications.MaintenanceResources.ScheduledEventEmitted'
    ]
  }
  {
    name: 'health'
    type: 'Microsoft.ResourceNotifications.HealthResources'
    isUrgent: true
    events: [
      'Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged'
      'Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated'
    ]
  }
  {
    name: 'aks-maintenance'
    type: 'Microsoft.ResourceNotifications.ContainerServiceEventResources'
    isUrgent: true
    events: [
      'Microsoft.ResourceNotifications.ContainerServiceEventResources.ScheduledEventEmitted'
    ]
  }
  {
    name: 'resources'
    type: 'Microsoft.Resources.Subscriptions'
    isUrgent: false
    events: resourceEventTypes
  }
]

var subscriptionTopics = filter(everyTopic, topic => !contains(leftOutSources, topic.name))
var mlSourceIds = filter(mlWorkspaceIds, id => !contains(leftOutSources, id))
var aksSourceIds = filter(aksClusterIds, id => !contains(leftOutSources, id))
var windowSourceIds = filter(maintenanceConfigurationIds, id => !contains(leftOutSources, id))

var mlEvents = [
  'Microsoft.MachineLearningServices.RunCompleted'
  'Microsoft.MachineLearningServices.RunStatusChanged'
  'Microsoft.MachineLearningServices.ModelRegistered'
  'Microsoft.MachineLearningServices.ModelDeployed'
  'Microsoft.MachineLearningServices.DatasetDriftDetected'
]

var aksEvents = [
  'Microsoft.ContainerService.NewKubernetesVersionAvailable'
  'Microsoft.ContainerService.ClusterSupportEnded'
  'Microsoft.ContainerService.ClusterSupportEnding'
  'Microsoft.ContainerService.NodePoolRollingStarted'
  'Microsoft.ContainerService.NodePoolRollingSucceeded'
  'Microsoft.ContainerService.NodePoolRollingFailed'
]

module subscriptionSources 'systemTopic.bicep' = [
  for topic in subscriptionTopics: {
    name: '${baseName}-topic-${topic.name}'
    params: {
      location: 'global'
      tags: tags
      name: '${baseName}-${topic.name}'
      source: subscription().id
      topicType: topic.type
      eventTypes: topic.events
      functionId: topic.isUrgent ? functionId : ''
      storageId: storageId
      queueName: queueName
      deadLetterContainer: deadLetterContainer
      isSubscribed: isSubscribed
    }
  }
]

// A regional source has its topic in its own region, which only the source itself tells.
resource mlWorkspaces 'Microsoft.MachineLearningServices/workspaces@2025-06-01' existing = [
  for id in mlSourceIds: {
    name: last(split(id, '/'))
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  }
]

module mlSources 'systemTopic.bicep' = [
  for (id, i) in mlSourceIds: {
    name: '${baseName}-topic-ml-${uniqueString(id)}'
    params: {
      location: mlWorkspaces[i].location
      tags: tags
      name: '${baseName}-ml-${uniqueString(id)}'
      source: id
      topicType: 'Microsoft.MachineLearningServices.Workspaces'
      eventTypes: mlEvents
      storageId: storageId
      queueName: queueName
      deadLetterContainer: deadLetterContainer
      isSubscribed: isSubscribed
    }
  }
]

resource aksClusters 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = [
  for id in aksSourceIds: {
    name: last(split(id, '/'))
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  }
]

module aksSources 'systemTopic.bicep' = [
  for (id, i) in aksSourceIds: {
    name: '${baseName}-topic-aks-${uniqueString(id)}'
    params: {
      location: aksClusters[i].location
      tags: tags
      name: '${baseName}-aks-${uniqueString(id)}'
      source: id
      topicType: 'Microsoft.ContainerService.ManagedClusters'
      eventTypes: aksEvents
      storageId: storageId
      queueName: queueName
      deadLetterContainer: deadLetterContainer
      isSubscribed: isSubscribed
    }
  }
]

resource maintenanceConfigurations 'Microsoft.Maintenance/maintenanceConfigurations@2023-04-01' existing = [
  for id in windowSourceIds: {
    name: last(split(id, '/'))
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  }
]

module maintenanceSources 'systemTopic.bicep' = [
  for (id, i) in windowSourceIds: {
    name: '${baseName}-topic-window-${uniqueString(id)}'
    params: {
      location: maintenanceConfigurations[i].location
      tags: tags
      name: '${baseName}-window-${uniqueString(id)}'
      source: id
      topicType: 'Microsoft.Maintenance.MaintenanceConfigurations'
      eventTypes: [
        'Microsoft.Maintenance.PreMaintenanceEvent'
        'Microsoft.Maintenance.PostMaintenanceEvent'
      ]
      storageId: storageId
      queueName: queueName
      deadLetterContainer: deadLetterContainer
      isSubscribed: isSubscribed
    }
  }
]

// Where forwarders bring what only a machine itself hears. It is open to the internet,
// since machines are anywhere; who may send is decided by Entra alone.
resource forwarderTopic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193:machines send from any network; Entra alone decides which may
  name: '${baseName}-forwarder'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    minimumTlsVersionAllowed: '1.2'
  }
}

module mayKeepDeadLetters 'deliveryRoles.bicep' = {
  name: '${baseName}-forwarder-roles'
  params: {
    storageName: last(split(storageId, '/'))
    queueName: queueName
    deadLetterContainer: deadLetterContainer
    principalId: forwarderTopic.identity.principalId
    sends: false
  }
}

resource fromForwarders 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = if (isSubscribed) {
  parent: forwarderTopic
  name: 'nightshift'
  dependsOn: [
    mayKeepDeadLetters
  ]
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: functionId
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: [
        'Nightshift.ScheduledEvents.Document'
        'Nightshift.Forwarder.Heartbeat'
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 60
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storageId
          blobContainerName: deadLetterContainer
        }
      }
    }
  }
}

@description('FORWARDER_TOPIC of the forwarders')
output forwarderTopicEndpoint string = forwarderTopic.properties.endpoint

@description('ARM id of the forwarder\'s topic')
output forwarderTopicId string = forwarderTopic.id

@description('ARM ids of the system topics of the subscription')
output systemTopicIds array = [for (topic, i) in subscriptionTopics: subscriptionSources[i].outputs.topicId]
