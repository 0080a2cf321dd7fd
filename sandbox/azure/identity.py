"""The managed identity endpoint, in its App Service flavour.

Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import hmac

from sandbox.azure.call import Call, Reply
from sandbox.azure.errors import ServiceError

PATH = "/msi/token"
API_VERSION = "2019-08-01"
USER_ASSIGNED = "Microsoft.ManagedIdentity/userAssignedIdentities"
_SYSTEM_ASSIGNED = "00000000-0000-0000-0000-000000000000"


def token(call: Call) -> Reply:
    """Issue a token for the resource that is asked for.

    A client id must belong to a user-assigned identity of the world, if the world has
    any; otherwise every client id is served.
    """
    given = call.headers.get("X-IDENTITY-HEADER", "")
    if not hmac.compare_digest(given, call.state.identity_header):
        raise ServiceError(
            403, "Forbidden", "The X-IDENTITY-HEADER header is missing or wrong."
        )
    if call.query.get("api-version") != API_VERSION:
        raise ServiceError(
            400, "BadRequest", f"The api-version must be {API_VERSION} for this endpoint."
        )
    resource = call.query.get("resource")
    if not resource:
        raise ServiceError(400, "BadRequest", "The 'resource' query parameter is missing.")
    client_id = _client_id(call)
    value, expires = call.state.tokens.issue(resource)
    return Reply(
        200,
        {
            "access_token": value,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": client_id,
        },
    )


def _client_id(call: Call) -> str:
    """Name the identity that answers; refuse one that no identity of the world has."""
    asked = call.query.get("client_id")
    if not asked:
        return _SYSTEM_ASSIGNED
    known = {
        str(one["properties"].get("clientId", "")).lower()
        for one in call.state.world.of_type(USER_ASSIGNED, "/subscriptions")
    }
    if known and asked.lower() not in known:
        raise ServiceError(
            400,
            "BadRequest",
            "No User Assigned or Delegated Managed Identity found for specified "
            "ClientId/ResourceId/PrincipalId.",
        )
    return asked
