// Azure Policy: every Linux machine of the subscription that has the tag gets the forwarder.
// Nodes of AKS get it from the DaemonSet instead (forwarder/daemonset.yaml).
metadata description = 'Policies that install the forwarder, and their assignments'

targetScope = 'subscription'

@description('Azure region of the assignments\' identities')
param location string

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('The installation script (forwarderScript.bicep)')
param script string

@description('Which machines get it: those with this tag')
param tagName string = 'nightshift-forwarder'

@description('The tag\'s value')
param tagValue string = 'on'

@description('False: the policies tell which machines lack it, and install nothing')
param isInstalling bool = true

// What it runs is asked for again under another name once the script is another one.
var runName = 'nightshift-forwarder-${uniqueString(script)}'

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/compute
var machineContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '9980e02c-c2be-4d73-94e8-173b1dc7cf3c')

var kinds = [
  {
    name: 'vm'
    says: 'Nightshift: the forwarder on VMs'
    type: 'Microsoft.Compute/virtualMachines'
    os: 'Microsoft.Compute/virtualMachines/storageProfile.osDisk.osType'
    installs: {
      type: 'Microsoft.Compute/virtualMachines/runCommands'
      name: runName
    }
    resource: {
      type: 'Microsoft.Compute/virtualMachines/runCommands'
      apiVersion: '2024-07-01'
      name: '[concat(parameters(\'machine\'), \'/\', \'${runName}\')]'
      location: '[parameters(\'location\')]'
      properties: {
        source: {
          script: script
        }
        timeoutInSeconds: 600
        treatFailureAsDeploymentFailure: true
      }
    }
  }
  {
    name: 'vmss'
    says: 'Nightshift: the forwarder on scale sets'
    type: 'Microsoft.Compute/virtualMachineScaleSets'
    os: 'Microsoft.Compute/virtualMachineScaleSets/virtualMachineProfile.storageProfile.osDisk.osType'
    installs: {
      type: 'Microsoft.Compute/virtualMachineScaleSets/extensions'
      name: 'NightshiftForwarder'
    }
    resource: {
      type: 'Microsoft.Compute/virtualMachineScaleSets/extensions'
      apiVersion: '2024-07-01'
      name: '[concat(parameters(\'machine\'), \'/NightshiftForwarder\')]'
      properties: {
        publisher: 'Microsoft.Azure.Extensions'
        type: 'CustomScript'
        typeHandlerVersion: '2.1'
        autoUpgradeMinorVersion: true
        forceUpdateTag: runName
        settings: {
          script: base64(script)
        }
      }
    }
  }
]

resource definitions 'Microsoft.Authorization/policyDefinitions@2023-04-01' = [
  for kind in kinds: {
    name: '${baseName}-forwarder-${kind.name}'
    properties: {
      displayName: kind.says
      description: 'Linux machines with the tag ${tagName}: ${tagValue} forward their Scheduled Events.'
      policyType: 'Custom'
      mode: 'Indexed'
      metadata: {
        category: 'Nightshift'
      }
      policyRule: {
        if: {
          allOf: [
            {
              field: 'type'
              equals: kind.type
            }
            {
              field: kind.os
              equals: 'Linux'
            }
            {
              field: 'tags[\'${tagName}\']'
              equals: tagValue
            }
          ]
        }
        then: {
          effect: isInstalling ? 'deployIfNotExists' : 'auditIfNotExists'
          details: union(kind.installs, isInstalling ? {
            roleDefinitionIds: [
              machineContributor
            ]
            deployment: {
              properties: {
                mode: 'incremental'
                parameters: {
                  machine: {
                    value: '[field(\'name\')]'
                  }
                  location: {
                    value: '[field(\'location\')]'
                  }
                }
                template: {
                  '$schema': 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#'
                  contentVersion: '1.0.0.0'
                  parameters: {
                    machine: {
                      type: 'string'
                    }
                    location: {
                      type: 'string'
                    }
                  }
                  resources: [
                    kind.resource
                  ]
                }
              }
            }
          } : {})
        }
      }
    }
  }
]

resource assignments 'Microsoft.Authorization/policyAssignments@2023-04-01' = [
  for (kind, i) in kinds: {
    name: '${baseName}-${kind.name}'
    location: location
    identity: {
      type: 'SystemAssigned'
    }
    properties: {
      displayName: kind.says
      policyDefinitionId: definitions[i].id
      enforcementMode: 'Default'
      nonComplianceMessages: [
        {
          message: 'This machine does not forward its Scheduled Events to Nightshift.'
        }
      ]
    }
  }
]

// Installing is a change of the machine, so whoever installs may change machines. Nothing
// else is given to the assignments' identities; without installing, not even that.
resource mayInstall 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (kind, i) in (isInstalling ? kinds : []): {
    name: guid(subscription().id, baseName, kind.name, machineContributor)
    properties: {
      principalId: assignments[i].identity.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: machineContributor
    }
  }
]
