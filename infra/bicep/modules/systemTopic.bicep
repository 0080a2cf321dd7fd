// One source of Event Grid and where its events go: to a function at once, or to a queue.
metadata description = 'System topic with one subscription: filter, retries, dead letters'

@description('The source\'s region; global for a subscription')
param location string

@description('Tags of every resource')
param tags object = {}

@description('Name of the topic')
param name string

@description('ARM id of the source, in this subscription')
param source string

@description('Topic type, as in az eventgrid topic-type list')
param topicType string

@description('Which event types are delivered; all others stay where they are')
param eventTypes array

@description('ARM id of the function that gets each event at once; empty: the queue gets it')
param functionId string = ''

@description('ARM id of the storage account of queue and dead letters')
param storageId string

@description('Queue for events that can wait')
param queueName string

@description('Blob container for events that could not be delivered')
param deadLetterContainer string

@description('Whether there is anything to deliver to, and the roles had time to be felt')
param isSubscribed bool

// A maintenance notice that is a day old helps nobody; the platform begins within 15 minutes.
var isUrgent = !empty(functionId)
// The topic's own identity: past a firewall, storage lets in no other.
// https://learn.microsoft.com/azure/event-grid/handler-storage-queues
var courier = {
  type: 'SystemAssigned'
}
var queue = {
  identity: courier
  destination: {
    endpointType: 'StorageQueue'
    properties: {
      resourceId: storageId
      queueName: queueName
      queueMessageTimeToLiveInSeconds: 604800
    }
  }
}

// https://learn.microsoft.com/azure/event-grid/enable-identity-system-topics: also for
// topics whose source is global
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: source
    topicType: topicType
  }
}

module mayDeliver 'deliveryRoles.bicep' = {
  name: '${name}-roles'
  params: {
    storageName: last(split(storageId, '/'))
    queueName: queueName
    deadLetterContainer: deadLetterContainer
    principalId: topic.identity.principalId
    sends: !isUrgent
  }
}

resource toQueue 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = if (!isUrgent && isSubscribed) {
  parent: topic
  name: 'nightshift-queue'
  dependsOn: [
    mayDeliver
  ]
  properties: {
    deliveryWithResourceIdentity: queue
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: eventTypes
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: courier
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

resource toFunction 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = if (isUrgent && isSubscribed) {
  parent: topic
  name: 'nightshift'
  dependsOn: [
    mayDeliver
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
      includedEventTypes: eventTypes
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 60
    }
    deadLetterWithResourceIdentity: {
      identity: courier
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

@description('ARM id of the topic')
output topicId string = topic.id
