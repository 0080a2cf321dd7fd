// Gives an identity a role on the subscription that this is deployed to.
metadata description = 'One role on one subscription'

targetScope = 'subscription'

@description('Object id of the identity')
param principalId string

@description('ARM id of the role')
param roleDefinitionId string

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, roleDefinitionId, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitionId
  }
}
