// The function app: Flex Consumption, Linux, Python, by identity alone.
metadata description = 'Flex Consumption plan and function app'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
param baseName string

@description('Python version of the platform')
param pythonVersion string

@description('Memory of an instance')
param instanceMemoryMB int

@description('Most instances of each function')
param maximumInstanceCount int

@description('Instances of on_maintenance_event that are always up: a spot eviction leaves no time for a cold start')
param alwaysReadyInstances int

@description('Whether instances are spread over zones; the platform then wants two of each that is always ready')
param isZoneRedundant bool

@description('Name of the storage account')
param storageName string

@description('Address of the container that packages are deployed to')
param packageAddress string

@description('ARM id of the app\'s identity')
param identityId string

@description('Client id of the app\'s identity')
param identityClientId string

@description('ARM id of the subnet for outgoing calls, delegated to Microsoft.App/environments; empty: none')
param subnetId string

@description('Connection string of Application Insights; it authenticates nobody')
param appInsightsConnectionString string

@description('Client id of the app registration for sign-in; empty: nobody signs in')
param authClientId string

@description('The app\'s own settings, name to value')
param settings object

// Each of these the host, the platform or a library reads; the app's own come as a parameter.
var platformSettings = {
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
}
// Sign-in without a secret: the app's identity vouches for the registration.
// https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-managed-identity-instead-of-a-secret-preview
var signInSettings = {
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}
var allSettings = union(settings, platformSettings, empty(authClientId) ? {} : signInSettings)

var alwaysReady = [
  {
    name: 'function:on_maintenance_event'
    instanceCount: alwaysReadyInstances
  }
]

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225:isZoneRedundant decides; not every region has zones
  name: '${baseName}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: isZoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_17:Event Grid and action groups bring keys and tokens and have no client certificates
  // checkov:skip=CKV_AZURE_78:Flex Consumption has no FTP and refuses the property; its password is off too
  // checkov:skip=CKV_AZURE_212:instances are alwaysReady and maximumInstanceCount on Flex Consumption
  // checkov:skip=CKV_AZURE_213:Flex Consumption has no platform health check; GET /api/health is asked from outside
  // checkov:skip=CKV_AZURE_222:Event Grid and action groups call from outside every network; each function asks for a key or a signature
  name: '${baseName}-app'
  location: location
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageAddress
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances > 0 ? alwaysReady : []
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      appSettings: [
        for setting in items(allSettings): {
          name: setting.key
          value: setting.value
        }
      ]
    }
  }
}

// Deployments come with an Entra token; nobody publishes with a password.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noPublishingPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('ARM id of the function app')
output functionAppId string = app.id

@description('Name of the function app')
output functionAppName string = app.name

@description('Address of the function app')
output functionAppUrl string = 'https://${app.properties.defaultHostName}'
