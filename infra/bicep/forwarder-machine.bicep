// The forwarder on one machine or scale set: az deployment group create, in its resource
// group (docs/FORWARDER.md). For all machines of a subscription there is a policy.
metadata description = 'Installs the forwarder on one Linux machine or scale set'

@description('Name of the VM, or of the scale set')
param machineName string

@description('True: it is a scale set')
param isScaleSet bool = false

@description('Region of the machine')
param location string = resourceGroup().location

@description('Endpoint of the forwarder\'s topic: the output NIGHTSHIFT_FORWARDER_TOPIC of the deployment')
param topicEndpoint string

@description('Client id of the identity that may send there; it must be assigned to the machine')
param clientId string

module installation 'modules/forwarderScript.bicep' = {
  name: 'nightshift-forwarder-script'
  params: {
    topicEndpoint: topicEndpoint
    clientId: clientId
  }
}

resource machine 'Microsoft.Compute/virtualMachines@2024-07-01' existing = if (!isScaleSet) {
  name: machineName
}

resource onMachine 'Microsoft.Compute/virtualMachines/runCommands@2024-07-01' = if (!isScaleSet) {
  parent: machine
  name: 'nightshift-forwarder'
  location: location
  properties: {
    source: {
      script: installation.outputs.script
    }
    timeoutInSeconds: 600
    treatFailureAsDeploymentFailure: true
  }
}

resource scaleSet 'Microsoft.Compute/virtualMachineScaleSets@2024-07-01' existing = if (isScaleSet) {
  name: machineName
}

// Instances that are there already get it with their next upgrade of the model.
resource onScaleSet 'Microsoft.Compute/virtualMachineScaleSets/extensions@2024-07-01' = if (isScaleSet) {
  parent: scaleSet
  name: 'NightshiftForwarder'
  properties: {
    publisher: 'Microsoft.Azure.Extensions'
    type: 'CustomScript'
    typeHandlerVersion: '2.1'
    autoUpgradeMinorVersion: true
    settings: {
      script: base64(installation.outputs.script)
    }
  }
}
