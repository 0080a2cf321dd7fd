// What the app may do in one watched subscription: read, and what the enabled remediations need.
// Every operation comes from roles.json, which `make roles` writes from shared/core/operations.py.
metadata description = 'Custom roles of one subscription, and who has them'

targetScope = 'subscription'

@description('What every name begins with')
param baseName string

@description('Object id of the app\'s identity')
param principalId string

@description('Remediations whose operations are granted; none: the app can only read')
param enabledRemediations array

@description('Whether the app itself acknowledges maintenance notices (NIGHTSHIFT_ACKNOWLEDGE=control_plane)')
param acknowledges bool

@description('ARM ids of resource groups that the app may act in; none: the whole subscription')
param actResourceGroupIds array

var roles = loadJsonContent('roles.json')
var remediationActions = [for name in enabledRemediations: roles.remediations[name].actions]
var remediationDataActions = [for name in enabledRemediations: roles.remediations[name].dataActions]
var actActions = union(flatten(remediationActions), acknowledges ? roles.acknowledge.actions : [])
var actDataActions = union(flatten(remediationDataActions), [])
var suffix = '${baseName} ${take(subscription().subscriptionId, 8)}'

resource observe 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, baseName, 'observe')
  properties: {
    roleName: 'Nightshift observe (${suffix})'
    description: 'Reads what Nightshift decides on. Changes nothing.'
    type: 'CustomRole'
    assignableScopes: [
      subscription().id
    ]
    permissions: [
      {
        actions: roles.observe.actions
        notActions: []
        dataActions: roles.observe.dataActions
        notDataActions: []
      }
    ]
  }
}

// One role for all that is enabled, so that disabling a remediation takes its operations away again:
// with none enabled it holds reads only.
resource act 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, baseName, 'act')
  properties: {
    roleName: 'Nightshift act (${suffix})'
    description: 'What Nightshift does: ${empty(enabledRemediations) ? 'nothing' : join(enabledRemediations, ', ')}.'
    type: 'CustomRole'
    assignableScopes: [
      subscription().id
    ]
    permissions: [
      {
        actions: empty(actActions) ? roles.observe.actions : actActions
        notActions: []
        dataActions: actDataActions
        notDataActions: []
      }
    ]
  }
}

resource mayObserve 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(observe.id, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: observe.id
  }
}

resource mayAct 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(actResourceGroupIds)) {
  name: guid(act.id, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: act.id
  }
}

module mayActInGroups 'roleAssignment.bicep' = [
  for id in filter(actResourceGroupIds, group => toLower(split(group, '/')[2]) == toLower(subscription().subscriptionId)): {
    name: '${baseName}-act-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[4])
    params: {
      principalId: principalId
      roleDefinitionId: act.id
    }
  }
]

@description('ARM id of the role that reads')
output observeRoleId string = observe.id

@description('ARM id of the role that acts')
output actRoleId string = act.id
