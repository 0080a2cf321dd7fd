// One direction of a peering, in the resource group of the network it begins in.
metadata description = 'Peering of two virtual networks, one direction'

@description('Network in this resource group')
param networkName string

@description('ARM id of the other network')
param remoteNetworkId string

@description('Name of the peering')
param peeringName string

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' existing = {
  name: networkName
}

resource peering 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2024-05-01' = {
  parent: network
  name: peeringName
  properties: {
    allowForwardedTraffic: false
    allowGatewayTransit: false
    allowVirtualNetworkAccess: true
    useRemoteGateways: false
    remoteVirtualNetwork: {
      id: remoteNetworkId
    }
  }
}
