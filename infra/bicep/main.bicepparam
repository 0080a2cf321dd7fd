// What this deployment is. azd fills in the first three; everything else has a default and is
// written here once, for both ways of deploying (docs/DEPLOY.md).
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'nightshift')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param isSubscribed = readEnvironmentVariable('NIGHTSHIFT_SUBSCRIBED', 'false') == 'true'

// ---- what it may do ----
// Nothing at first: it reads, decides by rules that only observe, and records. To let it act, name
// the remediations that rules of yours set to suggest or auto, as in ['drain_node'].
// docs/CATALOGUE.md says what each does, modules/roles.json which operations each is granted.
// Taking a name away takes its operations away.
param enabledRemediations = []

// Whole subscriptions by default; these may hold it to some resource groups, which it may act in.
param watchedSubscriptionIds = [] // empty: the subscription that it is deployed to
param actResourceGroupIds = [] // '/subscriptions/<id>/resourceGroups/<name>'

// ---- what it hears of, beside maintenance and health of the whole subscription ----
param mlWorkspaceIds = []
param aksClusterIds = []
param maintenanceConfigurationIds = []
param batchAccountIds = []
param endpointIds = [] // Azure ML online endpoints

// ---- what machines say themselves ----
// True: machines with the tag nightshift-forwarder: on get the forwarder by Azure Policy. Whoever
// deploys then needs Resource Policy Contributor on the watched subscriptions.
param installsForwarder = false

// ---- the app ----
param storageSku = 'Standard_ZRS' // Standard_LRS where a region has no zones
param alwaysReadyInstances = 1 // paid for around the clock; without it a spot eviction meets a cold start

// ---- network ----
// True where AKS API servers or slurmrestd are private: then name the networks they are in, and the
// zones their names are in. The people who deploy need Network Contributor there.
param isPrivate = false
param peerNetworkIds = []
param linkedDnsZoneIds = []

// ---- people ----
// infra/entra.sh makes the registration and prints both.
param authClientId = readEnvironmentVariable('NIGHTSHIFT_AUTH_CLIENT_ID', '')
param authObjectId = readEnvironmentVariable('NIGHTSHIFT_AUTH_OBJECT_ID', '')
param asksForRoles = false // true: a function key alone reads and starts nothing
param notifyEmails = [] // who is told when Nightshift itself is not well

// ---- secrets: put them into the vault, then name their settings ----
param hasVault = false
param vaultSettings = [] // 'NIGHTSHIFT_LINK_KEYS' is read from the secret nightshift-link-keys

// ---- any other setting of docs/OPERATIONS.md that is no secret ----
param settings = {}
