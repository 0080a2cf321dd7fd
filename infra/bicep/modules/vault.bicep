// A vault for what must stay secret: keys of approval links, addresses of chat webhooks.
metadata description = 'Key Vault that the app reads its secret settings from'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('Name of the vault')
@minLength(3)
@maxLength(24)
param name string

@description('True: only private endpoints get in')
param isPrivate bool

@description('Object id of the app\'s identity, which may read the secrets')
param principalId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109:isPrivate decides; without a network the app itself calls from outside, by identity
  // checkov:skip=CKV_AZURE_189:isPrivate decides, as above
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    // The firewall below decides; a private endpoint gets in either way.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, secretsUser)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: secretsUser
  }
}

@description('ARM id of the vault')
output vaultId string = vault.id

@description('Name of the vault')
output vaultName string = vault.name
