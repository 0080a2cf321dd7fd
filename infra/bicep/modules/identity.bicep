// Who the app is to everything else. Event Grid's topics have identities of their own.
metadata description = 'User-assigned managed identity of the app'

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

@description('ARM id of the app\'s identity')
output appId string = app.id

@description('Client id of the app\'s identity: AZURE_CLIENT_ID')
output appClientId string = app.properties.clientId

@description('Object id of the app\'s identity')
output appPrincipalId string = app.properties.principalId
