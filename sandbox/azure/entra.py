"""Entra's signing keys, as it publishes them, and tokens of made-up people signed by them.

The app checks such a token as it checks a real one: by key, issuer, audience, time and
role. The key is made for each run and never leaves the process.

Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TENANT = "5a0dbc0e-0000-4000-8000-00000000e27a"
AUDIENCE = "5a0dbc0e-0000-4000-8000-0000000000a9"
ROLE = "Approver"
PREFIX = "/entra"
_LIFETIME_S = 3600
_KEY_ID = "sandbox"


@dataclass(slots=True)
class Signer:
    """The key of one run, made when it is first needed."""

    _key: "RSAPrivateKey | None" = field(default=None, repr=False)

    @property
    def key(self) -> "RSAPrivateKey":
        """Return the private key."""
        if self._key is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key

    def published(self) -> Json:
        """Write what everybody may read of it."""
        from jwt.algorithms import RSAAlgorithm

        public: Json = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": _KEY_ID, "use": "sig"}]}

    def token(self, url: str, name: str, claims: Json) -> str:
        """Sign an access token of a person; ``claims`` win, and null leaves one out."""
        import jwt

        now = int(time.time())
        said = {
            "iss": f"{url}{PREFIX}/{TENANT}/v2.0",
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME_S,
            "tid": TENANT,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{TENANT}/{name}")),
            "preferred_username": f"{name}@sandbox.example",
            "roles": [ROLE],
            "scp": "Approvals.Decide",
            "ver": "2.0",
            **claims,
        }
        kept = {key: value for key, value in said.items() if value is not None}
        return jwt.encode(kept, self.key, "RS256", {"kid": _KEY_ID})


def answer(call: Call) -> Reply:
    """Publish the signing keys of the tenant."""
    wanted = f"{PREFIX}/{TENANT}/discovery/v2.0/keys"
    if call.method != "GET" or call.path.lower() != wanted:
        raise ServiceError(404, "NotFound", f"Entra serves GET {wanted} here.")
    return Reply(200, call.state.signer.published())


def issue(signer: Signer, url: str, raw: bytes) -> Reply:
    """Sign in a made-up person: ``{"name": "ada", "claims": {...}}``."""
    try:
        asked = json.loads(raw or b"{}")
        name, claims = str(asked.get("name") or "ada"), dict(asked.get("claims") or {})
    except (ValueError, TypeError, AttributeError) as exc:
        return Reply(400, {"error": {"code": "BadRequest", "message": f"no token: {exc}"}})
    token = signer.token(url, name, claims)
    return Reply(201, {"access_token": token, "token_type": "Bearer"})
