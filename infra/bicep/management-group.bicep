// The app's roles for every subscription of a management group, instead of one by one:
// az deployment mg create, and main.bicep with assignsRoles=false (docs/DEPLOY.md).
metadata description = 'Nightshift\'s roles at a management group'

targetScope = 'managementGroup'

@description('What the deployment is called; names are made of it')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Object id of the app\'s identity: the output NIGHTSHIFT_IDENTITY_PRINCIPAL_ID of main.bicep')
param principalId string

@description('Remediations whose operations are granted; none: the app can only read')
param enabledRemediations array = []

@description('Whether the app itself acknowledges maintenance notices')
param acknowledges bool = false

@description('Subscriptions of the group that have AKS clusters or Batch accounts, by GUID: rights on data are given there, because no management group can give them')
param dataSubscriptionIds array = []

var roles = loadJsonContent('modules/roles.json')
var remediationActions = [for name in enabledRemediations: roles.remediations[name].actions]
var remediationDataActions = [for name in enabledRemediations: roles.remediations[name].dataActions]
var actActions = union(flatten(remediationActions), acknowledges ? roles.acknowledge.actions : [])
var dataActions = union(roles.observe.dataActions, flatten(remediationDataActions))

resource control 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(managementGroup().id, environmentName, 'control')
  properties: {
    roleName: 'Nightshift control plane (${environmentName})'
    description: 'Reads, and acts for: ${empty(enabledRemediations) ? 'nothing' : join(enabledRemediations, ', ')}.'
    type: 'CustomRole'
    assignableScopes: [
      managementGroup().id
    ]
    permissions: [
      {
        actions: union(roles.observe.actions, actActions)
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

// https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits
resource data 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(managementGroup().id, environmentName, 'data')
  properties: {
    roleName: 'Nightshift data plane (${environmentName})'
    description: 'The same, in AKS clusters and Batch accounts.'
    type: 'CustomRole'
    assignableScopes: [
      managementGroup().id
    ]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: dataActions
        notDataActions: []
      }
    ]
  }
}

resource mayControl 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(control.id, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: control.id
  }
}

module mayUseData 'modules/subscriptionAssignment.bicep' = [
  for id in dataSubscriptionIds: {
    name: 'nightshift-data-${environmentName}'
    scope: subscription(id)
    params: {
      principalId: principalId
      roleDefinitionId: data.id
    }
  }
]
