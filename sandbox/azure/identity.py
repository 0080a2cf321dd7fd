"""The managed identity endpoint, in its App Service flavour.

Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import hmac

from sandbox.azure.call import Call, Reply
from sandbox.azure.errors import ServiceError

PATH = "/msi/token"
API_VERSION = "2019-08-01"
USER_ASSIGNED = "Microsoft.ManagedIdentity/userAssignedIdentities"


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
    client_id = call.query.get("client_id") or _system_assigned(call)
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


def check_client_id(call: Call) -> None:
    """Refuse a client id that no identity of the world has."""
    asked = call.query.get("client_id")
    known = {
        str(one["properties"].get("clientId", "")).lower()
        for one in call.state.world.resources.values()
        if one["type"].lower() == USER_ASSIGNED.lower()
    }
    if asked and known and asked.lower() not in known:
        raise ServiceError(
            400,
            "BadRequest",
            "No User Assigned or Delegated Managed Identity found for specified "
            "ClientId/ResourceId/PrincipalId.",
        )


def _system_assigned(_call: Call) -> str:
    """Name the identity that is used when none is asked for."""
    return "00000000-0000-0000-0000-000000000000"
