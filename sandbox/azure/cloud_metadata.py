"""What clouds there are, for clients that look their endpoints up: one, this one.

Source: https://learn.microsoft.com/rest/api/resources/ (``/metadata/endpoints``)
"""

from sandbox.azure.call import Call, Reply
from sandbox.azure.errors import ServiceError

NAME = "NightshiftSandbox"


def answer(call: Call) -> Reply:
    """Describe the stand-in as a cloud of its own. Asked without a token, as in Azure."""
    if call.path.lower() != "/metadata/endpoints" or call.method != "GET":
        raise ServiceError(404, "NotFound", "Cloud metadata is at GET /metadata/endpoints.")
    if not call.query.get("api-version"):
        raise ServiceError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    url = call.state.url
    return Reply(
        200,
        [
            {
                "name": NAME,
                "portal": "https://portal.sandbox.localhost",
                "resourceManager": f"{url}/",
                "authentication": {
                    "loginEndpoint": f"{url}/",
                    "audiences": [url],
                    "tenant": "common",
                    "identityProvider": "AAD",
                },
                "suffixes": {"storage": "sandbox.localhost"},
                "batch": f"{url}/batch",
            }
        ],
    )
