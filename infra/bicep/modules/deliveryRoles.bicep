// What a topic may do with its own identity: put messages into one queue, blobs into one container.
metadata description = 'Roles of one Event Grid topic on the app\'s storage'

@description('Name of the app\'s storage account, in this resource group')
param storageName string

@description('Queue for events that can wait')
param queueName string

@description('Blob container for events that could not be delivered')
param deadLetterContainer string

@description('Object id of the topic\'s identity')
param principalId string

@description('Whether the topic delivers to the queue; each keeps its dead letters')
param sends bool

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
var messageSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
var blobContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' existing = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  parent: queueService
  name: queueName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' existing = {
  parent: account
  name: 'default'
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  parent: blobs
  name: deadLetterContainer
}

// https://learn.microsoft.com/azure/event-grid/deliver-events-using-managed-identity
resource maySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (sends) {
  name: guid(queue.id, principalId, messageSender)
  scope: queue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: messageSender
  }
}

resource mayKeep 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLetters.id, principalId, blobContributor)
  scope: deadLetters
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobContributor
  }
}
