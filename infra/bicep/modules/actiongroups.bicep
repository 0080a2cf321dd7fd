// Who is told of alerts: Nightshift, which answers them, and people, who look after Nightshift.
metadata description = 'Action groups: one posts to on_alert, one writes mail'

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('ARM id of the function app')
param functionAppId string

@description('Whether the functions are there. False: the group exists and tells nobody')
param isSubscribed bool

@description('Entra tenant of the app registration')
param tenantId string = ''

@description('Client id of the app registration; with authObjectId it makes the receiver a secure webhook')
param authClientId string = ''

@description('Object id of the app registration, for the secure webhook. It must give the application AzNS AAD Webhook (461e8683-5575-4561-ac7f-899cc907d62a) an app role, and authentication must let that application in')
param authObjectId string = ''

@description('Mail addresses of people who look after Nightshift')
param emails array = []

var isSecure = !empty(authClientId) && !empty(authObjectId)

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: last(split(functionAppId, '/'))
}

resource onAlert 'Microsoft.Web/sites/functions@2024-04-01' existing = if (isSubscribed) {
  parent: app
  name: 'on_alert'
}

// Both ways carry the function's own key, which opens on_alert and nothing else; the host
// asks for it. The secure webhook brings a token of Entra beside it, and on_alert then asks
// for its app role ActionGroups (NIGHTSHIFT_ALERT_ROLE). Whoever rotates the key deploys again.
resource nightshift 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${baseName}-answers'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'nightshift'
    enabled: true
    azureFunctionReceivers: isSubscribed && !isSecure ? [
      {
        name: 'on_alert'
        functionAppResourceId: functionAppId
        functionName: 'on_alert'
        httpTriggerUrl: 'https://${app.properties.defaultHostName}/api/alerts?code=${onAlert!.listKeys().default}'
        useCommonAlertSchema: true
      }
    ] : []
    webhookReceivers: isSubscribed && isSecure ? [
      {
        name: 'on_alert'
        serviceUri: 'https://${app.properties.defaultHostName}/api/alerts?code=${onAlert!.listKeys().default}'
        useCommonAlertSchema: true
        useAadAuth: true
        objectId: authObjectId
        identifierUri: 'api://${authClientId}'
        tenantId: tenantId
      }
    ] : []
  }
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${baseName}-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'night-people'
    enabled: true
    emailReceivers: [
      for (email, i) in emails: {
        name: 'person-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

@description('ARM id of the group that Nightshift answers')
output actionGroupId string = nightshift.id

@description('ARM id of the group that writes to people')
output peopleGroupId string = people.id
