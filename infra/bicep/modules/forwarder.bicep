// Whoever forwards: one identity for all machines, which may send to the forwarder's topic
// and nothing else. forwarderPolicy.bicep puts the program on them.
metadata description = 'Identity of the forwarders'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('Name of the forwarder\'s topic, in this resource group')
param topicName string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/integration
var dataSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'd5a91429-5739-47e2-a06b-3470a27159e7')

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${baseName}-forwarder'
  location: location
  tags: tags
}

resource maySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, identity.id, dataSender)
  scope: topic
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: dataSender
  }
}

@description('ARM id of the identity: assign it to each machine that forwards')
output identityId string = identity.id

@description('Its client id: FORWARDER_CLIENT_ID')
output clientId string = identity.properties.clientId
