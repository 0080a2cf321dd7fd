// Lets a network resolve the names of a private DNS zone that is there already.
metadata description = 'Link of a private DNS zone to the app\'s network'

@description('Zone in this resource group')
param zoneName string

@description('ARM id of the app\'s network')
param networkId string

@description('Name of the link')
param linkName string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' existing = {
  name: zoneName
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: zone
  name: linkName
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}
