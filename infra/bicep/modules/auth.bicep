// Sign-in with Entra in front of the app, for people who open an approval.
metadata description = 'App Service authentication'

@description('Name of the function app')
param functionAppName string

@description('Client id of the app registration')
param authClientId string

@description('Entra tenant whose people may sign in')
param tenantId string

@description('Client ids that may call with a token: the registration itself, and programs people use')
param allowedApplications array

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

// Anonymous requests pass: Event Grid, action groups and the forwarder bring keys, which the host
// checks, and what people open checks who they are itself (docs/APPROVALS.md).
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_63:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_65:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_66:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_80:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_88:this is the sign-in (authsettingsV2) and not the site's web configuration
  // checkov:skip=CKV_AZURE_222:this is the sign-in (authsettingsV2) and not the site's web configuration
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            authClientId
            'api://${authClientId}'
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: union([
              authClientId
            ], allowedApplications)
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: true
      }
    }
  }
}
