// Where Nightshift tells others what it did. Apart from what it hears: the app's settings
// name this topic, and what it hears is delivered to the app.
metadata description = 'Custom topic of outcomes, and who may publish there'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('Object id of the app\'s identity, which may publish; nobody else may')
param principalId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/integration
var dataSender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'd5a91429-5739-47e2-a06b-3470a27159e7')

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193:the app publishes from outside every network unless isPrivate; Entra alone decides who may
  // checkov:skip=CKV_AZURE_191:the topic delivers nothing itself; whoever subscribes brings an identity
  name: '${baseName}-outcomes'
  location: location
  tags: tags
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    minimumTlsVersionAllowed: '1.2'
  }
}

resource mayPublish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, principalId, dataSender)
  scope: topic
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: dataSender
  }
}

@description('NIGHTSHIFT_OUTCOME_TOPIC')
output outcomeTopicEndpoint string = topic.properties.endpoint

@description('ARM id of the topic')
output outcomeTopicId string = topic.id
