// Two identities, because their rights differ: one runs the app, one only delivers events to it.
metadata description = 'User-assigned managed identities of the app and of Event Grid\'s delivery'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
param baseName string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${baseName}-app'
  location: location
  tags: tags
}

resource delivery 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${baseName}-delivery'
  location: location
  tags: tags
}

@description('ARM id of the app\'s identity')
output appId string = app.id

@description('Client id of the app\'s identity: AZURE_CLIENT_ID')
output appClientId string = app.properties.clientId

@description('Object id of the app\'s identity')
output appPrincipalId string = app.properties.principalId

@description('ARM id of the identity that Event Grid delivers with')
output deliveryId string = delivery.id

@description('Object id of the identity that Event Grid delivers with')
output deliveryPrincipalId string = delivery.properties.principalId
