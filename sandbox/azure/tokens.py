"""Bearer tokens, and who may use them: issued by the identity endpoint, checked by all.

Tokens are opaque and bound to one audience, so that a client which asks for the wrong
one fails here as it would fail in Azure. No token is ever logged or recorded.
"""

import secrets
import time
from dataclasses import dataclass, field

from sandbox.azure.errors import ServiceError

LIFETIME_SECONDS = 24 * 3600

ARM = ("https://management.azure.com", "https://management.core.windows.net")
METRICS = ("https://metrics.monitor.azure.com",)
INGESTION = ("https://monitor.azure.com",)
EVENT_GRID = ("https://eventgrid.azure.net",)
BATCH = ("https://batch.core.windows.net",)
MACHINE_LEARNING = ("https://ml.azure.com",)
# The application every Entra-enabled AKS cluster trusts.
# Source: https://azure.github.io/kubelogin/concepts/aks.html
KUBERNETES = ("6dae42f8-4368-4678-94ff-3960e28e3630",)


def normalised(audience: str) -> str:
    """Compare audiences without the slashes that some clients leave at the end."""
    return audience.rstrip("/").lower()


@dataclass(slots=True)
class Tokens:
    """Every token given out in this run."""

    _issued: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, audience: str, lifetime: float = LIFETIME_SECONDS) -> tuple[str, int]:
        """Make a token for one audience; answer it and when it expires (epoch seconds)."""
        token = secrets.token_urlsafe(48)
        expires = time.time() + lifetime
        self._issued[token] = (normalised(audience), expires)
        return token, int(expires)

    def check(self, authorization: str | None, audiences: tuple[str, ...]) -> None:
        """Refuse a call whose bearer is missing, unknown, expired or meant for another.

        Raises:
            ServiceError: 401, worded as resource manager words it.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        audience, expires = self._issued.get(token, ("", 0.0))
        if not audience:
            raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        if expires < time.time():
            raise _unauthorized("ExpiredAuthenticationToken", "The access token expired.")
        if audience not in {normalised(one) for one in audiences}:
            allowed = ", ".join(f"'{one}'" for one in audiences)
            raise _unauthorized(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{audience}'. It should exactly match with one of the allowed audiences "
                f"{allowed}.",
            )


def _unauthorized(code: str, message: str) -> ServiceError:
    challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/common"'
    return ServiceError(401, code, message, {"WWW-Authenticate": challenge})
