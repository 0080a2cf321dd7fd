// A network of the app's own: private AKS API servers and slurmrestd are reached from it, its
// storage and vault answer in it.
metadata description = 'Virtual network, private endpoints and their names'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
param baseName string

@description('Addresses of the subnet that the app calls out from, a /27 or larger')
param functionsPrefix string

@description('Addresses of the subnet that holds private endpoints, a /28 or larger')
param endpointsPrefix string

@description('ARM id of the storage account')
param storageId string

@description('ARM id of the vault; empty: there is none')
param vaultId string

@description('ARM ids of virtual networks to peer with: where clusters and slurmrestd are')
param peerNetworkIds array

@description('ARM ids of private DNS zones to resolve names in: those of private AKS clusters')
param linkedDnsZoneIds array

// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
var storageEndpoints = [
  {
    group: 'blob'
    targetId: storageId
    zone: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    group: 'queue'
    targetId: storageId
    zone: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    group: 'table'
    targetId: storageId
    zone: 'privatelink.table.${environment().suffixes.storage}'
  }
]
var vaultEndpoints = [
  {
    group: 'vault'
    targetId: vaultId
    #disable-next-line no-hardcoded-env-urls
    zone: 'privatelink.vaultcore.azure.net'
  }
]
var endpoints = concat(storageEndpoints, empty(vaultId) ? [] : vaultEndpoints)

resource walls 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${baseName}-nsg'
  location: location
  tags: tags
  properties: {
    // The rules that every group has let nothing in from outside the network.
    securityRules: []
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: '${baseName}-vnet'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        functionsPrefix
        endpointsPrefix
      ]
    }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: functionsPrefix
          networkSecurityGroup: {
            id: walls.id
          }
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointsPrefix
          networkSecurityGroup: {
            id: walls.id
          }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: '${baseName}-${endpoint.group}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: '${network.id}/subnets/endpoints'
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.group
          properties: {
            privateLinkServiceId: endpoint.targetId
            groupIds: [
              endpoint.group
            ]
          }
        }
      ]
    }
  }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for endpoint in endpoints: {
    name: endpoint.zone
    location: 'global'
    tags: tags
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (endpoint, i) in endpoints: {
    parent: zones[i]
    name: '${baseName}-${endpoint.group}'
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, i) in endpoints: {
    parent: privateEndpoints[i]
    name: endpoint.group
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.group
          properties: {
            privateDnsZoneId: zones[i].id
          }
        }
      ]
    }
  }
]

module toPeers 'peering.bicep' = [
  for id in peerNetworkIds: {
    name: '${baseName}-to-${uniqueString(id)}'
    params: {
      networkName: network.name
      remoteNetworkId: id
      peeringName: 'to-${last(split(id, '/'))}'
    }
  }
]

module fromPeers 'peering.bicep' = [
  for id in peerNetworkIds: {
    name: '${baseName}-from-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      networkName: last(split(id, '/'))
      remoteNetworkId: network.id
      peeringName: 'to-${network.name}'
    }
  }
]

module dnsLinks 'dnsLink.bicep' = [
  for id in linkedDnsZoneIds: {
    name: '${baseName}-dns-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      zoneName: last(split(id, '/'))
      networkId: network.id
      linkName: baseName
    }
  }
]

@description('ARM id of the subnet that the app calls out from')
output functionsSubnetId string = '${network.id}/subnets/functions'
