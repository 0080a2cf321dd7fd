// Nightshift, whole: `azd up`, or `az deployment sub create` (docs/DEPLOY.md).
metadata description = 'Nightshift: the app, what it hears, what it may do, and what is watched about it'

targetScope = 'subscription'

@description('What this deployment is called; names are made of it')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region, one with Flex Consumption: az functionapp list-flexconsumption-locations')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Resource group, created if it is not there')
param resourceGroupName string = 'rg-nightshift-${environmentName}'

@description('Tags of every resource')
param tags object = {}

@description('False until the code is deployed: Event Grid and action groups need functions that are there. The azd hook and docs/DEPLOY.md set it afterwards')
param isSubscribed bool = false

// ---- what it may do ----

@description('Subscriptions it watches, by GUID; empty: the one that it is deployed to')
param watchedSubscriptionIds array = []

@description('Remediations whose operations its role holds, by name; empty: it can only read, whatever the rules say')
param enabledRemediations array = []

@description('ARM ids of resource groups that it may act in; empty: the watched subscriptions')
param actResourceGroupIds array = []

@description('True: the app acknowledges maintenance notices itself, a preview interface; false: forwarders do')
param acknowledges bool = false

@description('False: somebody else gives it its roles on what it watches (management-group.bicep, or a person)')
param assignsRoles bool = true

@description('True: it decides and records, and never acts, whatever rules and roles say')
param isDryRun bool = false

// ---- what it hears of ----

@description('Sources that it makes no system topic for: maintenance, health, aks-maintenance, resources, or ARM ids of those below. Event Grid allows one of each kind for a source; where one is there already, subscribe on that (docs/DEPLOY.md)')
param leftOutSources array = []

@description('ARM ids of Azure ML workspaces')
param mlWorkspaceIds array = []

@description('ARM ids of AKS clusters')
param aksClusterIds array = []

@description('ARM ids of maintenance configurations')
param maintenanceConfigurationIds array = []

@description('ARM ids of Batch accounts')
param batchAccountIds array = []

@description('ARM ids of Azure ML online endpoints')
param endpointIds array = []

@description('Regions whose VMs are watched for their availability; empty: the one that it is deployed to')
param machineRegions array = []

@description('False: alert rules on what is watched are made and do not fire; those on Nightshift itself do')
param areAlertsEnabled bool = true

// ---- what machines say themselves ----

@description('True: Azure Policy puts the forwarder on every Linux machine and scale set of the watched subscriptions that has the tag nightshift-forwarder: on (docs/FORWARDER.md)')
param installsForwarder bool = false

// ---- the app ----

@description('Python version of the platform: the one that the package is built for')
@allowed([
  '3.12'
])
param pythonVersion string = '3.12'

@description('Memory of an instance')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Most instances of each function')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('Instances that always wait for maintenance notices; 0 costs nothing and misses evictions')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 1

@description('True: instances are spread over zones; alwaysReadyInstances must then be 0, or 2 and more')
param isZoneRedundant bool = false

@description('Replication of the ledger; regions without zones take Standard_LRS')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GZRS'
])
param storageSku string = 'Standard_ZRS'

@description('Days for which copies of deliveries are kept for replays')
@minValue(0)
@maxValue(3650)
param archiveDays int = 30

@description('Further app settings of docs/OPERATIONS.md, name to value; no secrets')
param settings object = {}

@description('App settings that are read from the vault, by name: NIGHTSHIFT_LINK_KEYS becomes the secret nightshift-link-keys. Put the secrets there first')
param vaultSettings array = []

@description('True: a Key Vault is made for those')
param hasVault bool = false

// ---- network ----

@description('True: a network of its own, private endpoints, and storage that answers nobody else')
param isPrivate bool = false

@description('Addresses of the subnet that it calls out from, a /27 or larger')
param functionsPrefix string = '10.213.0.0/25'

@description('Addresses of the subnet that holds private endpoints, a /28 or larger')
param endpointsPrefix string = '10.213.0.128/26'

@description('ARM ids of virtual networks to peer with: of private AKS clusters, of slurmrestd')
param peerNetworkIds array = []

@description('ARM ids of private DNS zones to resolve names in: of private AKS clusters')
param linkedDnsZoneIds array = []

// ---- people ----

@description('Client id of the app registration (infra/entra.sh makes it); empty: nobody signs in, destructive plans cannot be approved')
param authClientId string = ''

@description('Object id of that registration; with it action groups bring a token beside their key')
param authObjectId string = ''

@description('True: a function key alone reads and starts nothing, people sign in as well, as Reader or Operator; needs authClientId')
param asksForRoles bool = false

@description('Mail addresses of people who look after Nightshift itself')
param notifyEmails array = []

@description('Client ids of programs that may bring a token: the Azure CLI, action groups, and what else people use')
param allowedApplications array = [
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
  '461e8683-5575-4561-ac7f-899cc907d62a'
]

// ---- what is kept ----

@description('ARM id of a Log Analytics workspace that is there already; empty: one is made')
param existingWorkspaceId string = ''

@description('Region of that workspace')
param workspaceLocation string = location

var token = uniqueString(subscription().id, environmentName, location)
var baseName = 'nightshift-${take(token, 6)}'
var allTags = union(tags, {
  'azd-env-name': environmentName
})
var watched = empty(watchedSubscriptionIds) ? [
  subscription().subscriptionId
] : watchedSubscriptionIds
var vaultName = 'kv-${baseName}'

// Names and values as docs/OPERATIONS.md has them; an empty value counts as none.
var ownSettings = {
  NIGHTSHIFT_RESOURCE_MANAGER: environment().resourceManager
  NIGHTSHIFT_STORAGE_SUFFIX: environment().suffixes.storage
  NIGHTSHIFT_SIGN_IN: environment().authentication.loginEndpoint
  NIGHTSHIFT_SUBSCRIPTIONS: join(watched, ',')
  NIGHTSHIFT_WORKSPACES: join(mlWorkspaceIds, ',')
  NIGHTSHIFT_OWN_RESOURCES: group.id
  NIGHTSHIFT_ARCHIVE_DAYS: string(archiveDays)
  NIGHTSHIFT_ACKNOWLEDGE: acknowledges ? 'control_plane' : 'forwarder'
  NIGHTSHIFT_DRY_RUN: isDryRun ? 'true' : 'false'
  NIGHTSHIFT_RULES_CONTAINER: storage.outputs.rulesContainer
  NIGHTSHIFT_APP_SERVICE_AUTH: empty(authClientId) ? 'false' : 'true'
  NIGHTSHIFT_ALERT_ROLE: empty(authClientId) || empty(authObjectId) ? '' : 'ActionGroups'
  NIGHTSHIFT_ASK_ROLES: asksForRoles ? 'true' : 'false'
  NIGHTSHIFT_TENANT: tenant().tenantId
  NIGHTSHIFT_AUDIENCE: empty(authClientId) ? '' : '${authClientId},api://${authClientId}'
  NIGHTSHIFT_TELEMETRY: 'true'
}
var secretSettings = toObject(vaultSettings, name => name, name => '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${toLower(replace(name, '_', '-'))})')

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: '${baseName}-identity'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
  }
}

module storage 'modules/storage.bicep' = {
  name: '${baseName}-storage'
  scope: group
  params: {
    location: location
    tags: allTags
    name: 'stnight${token}'
    sku: storageSku
    isPrivate: isPrivate
    archiveDays: archiveDays
    principalId: identity.outputs.appPrincipalId
  }
}

module vault 'modules/vault.bicep' = if (hasVault) {
  name: '${baseName}-vault'
  scope: group
  params: {
    location: location
    tags: allTags
    name: vaultName
    isPrivate: isPrivate
    principalId: identity.outputs.appPrincipalId
  }
}

module network 'modules/network.bicep' = if (isPrivate) {
  name: '${baseName}-network'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    functionsPrefix: functionsPrefix
    endpointsPrefix: endpointsPrefix
    storageId: storage.outputs.storageId
    vaultId: hasVault ? vault!.outputs.vaultId : ''
    peerNetworkIds: peerNetworkIds
    linkedDnsZoneIds: linkedDnsZoneIds
  }
}

module roles 'modules/roles.bicep' = [
  for id in (assignsRoles ? watched : []): {
    name: '${baseName}-roles'
    scope: subscription(id)
    params: {
      baseName: baseName
      principalId: identity.outputs.appPrincipalId
      enabledRemediations: enabledRemediations
      acknowledges: acknowledges
      actResourceGroupIds: actResourceGroupIds
    }
  }
]

module logs 'modules/logs.bicep' = {
  name: '${baseName}-logs'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    existingWorkspaceId: existingWorkspaceId
    principalId: identity.outputs.appPrincipalId
  }
}

module outcomes 'modules/outcomeTopic.bicep' = {
  name: '${baseName}-outcomes'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    principalId: identity.outputs.appPrincipalId
  }
}

module app 'modules/app.bicep' = {
  name: '${baseName}-app'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    isZoneRedundant: isZoneRedundant
    storageName: storage.outputs.storageName
    packageAddress: storage.outputs.packageAddress
    identityId: identity.outputs.appId
    identityClientId: identity.outputs.appClientId
    subnetId: isPrivate ? network!.outputs.functionsSubnetId : ''
    appInsightsConnectionString: logs.outputs.appInsightsConnectionString
    authClientId: authClientId
    settings: union(ownSettings, {
      NIGHTSHIFT_INGESTION_ENDPOINT: logs.outputs.ingestionEndpoint
      NIGHTSHIFT_INGESTION_RULE: logs.outputs.ingestionRuleId
      NIGHTSHIFT_OUTCOME_TOPIC: outcomes.outputs.outcomeTopicEndpoint
    }, settings, secretSettings)
  }
}

module auth 'modules/auth.bicep' = if (!empty(authClientId)) {
  name: '${baseName}-auth'
  scope: group
  params: {
    functionAppName: app.outputs.functionAppName
    authClientId: authClientId
    tenantId: tenant().tenantId
    allowedApplications: allowedApplications
  }
}

module events 'modules/eventgrid.bicep' = {
  name: '${baseName}-events'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    functionAppId: app.outputs.functionAppId
    isSubscribed: isSubscribed
    storageId: storage.outputs.storageId
    queueName: storage.outputs.eventsQueue
    deadLetterContainer: storage.outputs.deadLetterContainer
    mlWorkspaceIds: mlWorkspaceIds
    aksClusterIds: aksClusterIds
    maintenanceConfigurationIds: maintenanceConfigurationIds
    leftOutSources: leftOutSources
  }
}

module forwarder 'modules/forwarder.bicep' = if (installsForwarder) {
  name: '${baseName}-forwarder'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    topicName: last(split(events.outputs.forwarderTopicId, '/'))
  }
}

module forwarderScript 'modules/forwarderScript.bicep' = if (installsForwarder) {
  name: '${baseName}-forwarder-script'
  scope: group
  params: {
    topicEndpoint: events.outputs.forwarderTopicEndpoint
    clientId: forwarder!.outputs.clientId
  }
}

module forwarderPolicies 'modules/forwarderPolicy.bicep' = [
  for id in (installsForwarder ? watched : []): {
    name: '${baseName}-forwarder-policy'
    scope: subscription(id)
    params: {
      location: location
      baseName: baseName
      script: forwarderScript!.outputs.script
    }
  }
]

module actionGroups 'modules/actiongroups.bicep' = {
  name: '${baseName}-action-groups'
  scope: group
  params: {
    tags: allTags
    baseName: baseName
    functionAppId: app.outputs.functionAppId
    isSubscribed: isSubscribed
    tenantId: tenant().tenantId
    authClientId: authClientId
    authObjectId: authObjectId
    emails: notifyEmails
  }
}

module alerts 'modules/alerts.bicep' = {
  name: '${baseName}-alerts'
  scope: group
  params: {
    location: workspaceLocation
    tags: allTags
    baseName: baseName
    actionGroupId: actionGroups.outputs.actionGroupId
    peopleGroupId: actionGroups.outputs.peopleGroupId
    workspaceId: logs.outputs.workspaceId
    functionAppId: app.outputs.functionAppId
    storageId: storage.outputs.storageId
    systemTopicIds: events.outputs.systemTopicIds
    topicIds: [
      events.outputs.forwarderTopicId
    ]
    machineRegions: empty(machineRegions) ? [
      location
    ] : machineRegions
    batchAccountIds: batchAccountIds
    mlWorkspaceIds: mlWorkspaceIds
    endpointIds: endpointIds
    aksClusterIds: aksClusterIds
    isEnabled: areAlertsEnabled
  }
}

module workbook 'modules/workbook.bicep' = {
  name: '${baseName}-workbook'
  scope: group
  params: {
    location: location
    tags: allTags
    baseName: baseName
    workspaceId: logs.outputs.workspaceId
  }
}

@description('Resource group of the app')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app')
output AZURE_FUNCTION_NAME string = app.outputs.functionAppName

@description('Address of the function app')
output NIGHTSHIFT_URL string = app.outputs.functionAppUrl

@description('Whether events and alerts come; what deploys next asks for it')
output NIGHTSHIFT_SUBSCRIBED string = isSubscribed ? 'true' : 'false'

@description('Storage account of the app')
output AZURE_STORAGE_NAME string = storage.outputs.storageName

@description('Endpoint of the topic that forwarders send to: FORWARDER_TOPIC')
output NIGHTSHIFT_FORWARDER_TOPIC string = events.outputs.forwarderTopicEndpoint

@description('Client id of the app\'s identity')
output NIGHTSHIFT_IDENTITY_CLIENT_ID string = identity.outputs.appClientId

@description('Object id of the app\'s identity, for roles that others assign')
output NIGHTSHIFT_IDENTITY_PRINCIPAL_ID string = identity.outputs.appPrincipalId

@description('ARM id of the identity that machines forward with; empty: installsForwarder is false')
output NIGHTSHIFT_FORWARDER_IDENTITY string = installsForwarder ? forwarder!.outputs.identityId : ''
