#!/bin/sh
# Make, or put right, the app registration that people sign in with, without a secret: the app's
# own identity vouches for it. Plain templates cannot make one; who runs this needs the Entra role
# Application Developer, and Cloud Application Administrator for the role of action groups.
#
#   infra/entra.sh NAME APP_URL IDENTITY_PRINCIPAL_ID
#
# The two last are outputs of the deployment: NIGHTSHIFT_URL, NIGHTSHIFT_IDENTITY_PRINCIPAL_ID.
# It prints what to deploy next. Running it again changes nothing.
#
# https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad
# https://learn.microsoft.com/graph/api/resources/application
set -eu

if [ $# -ne 3 ]; then
    echo "usage: infra/entra.sh NAME APP_URL IDENTITY_PRINCIPAL_ID" >&2
    exit 2
fi
name=$1 url=${2%/} principal=$3
graph=https://graph.microsoft.com/v1.0
azure_cli=04b07795-8ddb-461a-bbee-02f9e1bf7b46
action_groups=461e8683-5575-4561-ac7f-899cc907d62a
tenant=$(az account show --query tenantId --output tsv)

found=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
case $(printf '%s' "$found" | grep -c .) in
    0) app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv) ;;
    1) app=$found ;;
    *) echo "several registrations are called $name: take another name" >&2; exit 1 ;;
esac
object=$(az ad app show --id "$app" --query id --output tsv)

# The ids are of this registration alone, so they may be the same everywhere.
approver=5b1f4c52-6d0c-4b8e-8a55-0d3a4f0f7a01
operator=5b1f4c52-6d0c-4b8e-8a55-0d3a4f0f7a03
reader=5b1f4c52-6d0c-4b8e-8a55-0d3a4f0f7a04
webhook=5b1f4c52-6d0c-4b8e-8a55-0d3a4f0f7a02
scope=0d4b6d3a-52f1-4f43-9a53-5f6f5e3f1a10
az rest --method PATCH --url "$graph/applications/$object" --body "{
  \"identifierUris\": [\"api://$app\"],
  \"web\": {
    \"redirectUris\": [\"$url/.auth/login/aad/callback\"],
    \"implicitGrantSettings\": {\"enableIdTokenIssuance\": true}
  },
  \"api\": {
    \"requestedAccessTokenVersion\": 2,
    \"oauth2PermissionScopes\": [{
      \"id\": \"$scope\", \"value\": \"user_impersonation\", \"type\": \"User\", \"isEnabled\": true,
      \"adminConsentDisplayName\": \"Speak to Nightshift\",
      \"adminConsentDescription\": \"Lets a program speak to Nightshift as the person who is signed in.\"
    }]
  },
  \"appRoles\": [
    {\"id\": \"$approver\", \"value\": \"Approver\", \"isEnabled\": true,
     \"displayName\": \"Approver\", \"description\": \"Says yes or no to plans that ask.\",
     \"allowedMemberTypes\": [\"User\"]},
    {\"id\": \"$operator\", \"value\": \"Operator\", \"isEnabled\": true,
     \"displayName\": \"Operator\", \"description\": \"Starts runbooks, pauses, resets breakers.\",
     \"allowedMemberTypes\": [\"User\"]},
    {\"id\": \"$reader\", \"value\": \"Reader\", \"isEnabled\": true,
     \"displayName\": \"Reader\", \"description\": \"Reads plans, events and questions.\",
     \"allowedMemberTypes\": [\"User\"]},
    {\"id\": \"$webhook\", \"value\": \"ActionGroups\", \"isEnabled\": true,
     \"displayName\": \"Action groups\", \"description\": \"Azure Monitor's secure webhook.\",
     \"allowedMemberTypes\": [\"Application\"]}
  ]
}"

# The Azure CLI may ask for tokens: nightshift approve --resource. Only now is the scope there.
az rest --method PATCH --url "$graph/applications/$object" --body "{
  \"api\": {\"preAuthorizedApplications\": [
    {\"appId\": \"$azure_cli\", \"delegatedPermissionIds\": [\"$scope\"]}
  ]}
}"

credentials=$(az ad app federated-credential list --id "$object" --query '[].subject' --output tsv)
if ! printf '%s\n' "$credentials" | grep -qx "$principal"; then
    az ad app federated-credential create --id "$object" --parameters "{
      \"name\": \"nightshift-identity\",
      \"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\",
      \"subject\": \"$principal\",
      \"audiences\": [\"api://AzureADTokenExchange\"]
    }" --output none
fi

# People act in an app through its service principal; only those who are assigned may sign in.
service=$(az ad sp list --filter "appId eq '$app'" --query '[0].id' --output tsv)
[ -n "$service" ] || service=$(az ad sp create --id "$app" --query id --output tsv)
az rest --method PATCH --url "$graph/servicePrincipals/$service" --body '{"appRoleAssignmentRequired": true}'

caller=$(az ad sp show --id "$action_groups" --query id --output tsv 2>/dev/null || az ad sp create --id "$action_groups" --query id --output tsv)
assigned=$(az rest --url "$graph/servicePrincipals/$service/appRoleAssignedTo" --query 'value[].principalId' --output tsv)
if ! printf '%s\n' "$assigned" | grep -qx "$caller"; then
    az rest --method POST --url "$graph/servicePrincipals/$service/appRoleAssignedTo" --output none --body "{
      \"principalId\": \"$caller\", \"resourceId\": \"$service\",
      \"appRoleId\": \"$webhook\"
    }"
fi

cat <<SAY
authClientId  $app
authObjectId  $object

With azd:
  azd env set NIGHTSHIFT_AUTH_CLIENT_ID $app
  azd env set NIGHTSHIFT_AUTH_OBJECT_ID $object
  azd provision

Give somebody a role, by the object id of their account or of a group; below it is Approver,
Operator is $operator, Reader $reader:
  az rest --method POST --url $graph/servicePrincipals/$service/appRoleAssignedTo \\
    --body '{"principalId": "OBJECT_ID", "resourceId": "$service", "appRoleId": "$approver"}'
SAY
