"""Tokens and headers of people who sign in, good ones and forged ones."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "9f0ac1d2-0000-4000-8000-00000000000a"
CLIENT = "3c0ac1d2-0000-4000-8000-00000000000c"
SIGN_IN = "https://login.microsoftonline.com"
ADA = "aaaaaaaa-0000-4000-8000-000000000001"
BOB = "bbbbbbbb-0000-4000-8000-000000000002"
PEOPLE = {"ada": ADA, "bob": BOB}


@dataclass(frozen=True)
class Key:
    """A signing key, and what is published of it."""

    kid: str
    private: rsa.RSAPrivateKey

    @property
    def published(self) -> dict[str, Any]:
        """Return it as Entra's keys document has it."""
        text = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())
        return {**json.loads(text), "kid": self.kid, "use": "sig"}

    @property
    def pem(self) -> bytes:
        """Return the public half as text: what a confused library would take for a secret."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def a_key(kid: str = "k1") -> Key:
    """Make a key; the same one for the same id."""
    return _made(kid)


@functools.cache
def _made(kid: str) -> Key:
    return Key(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))


def claims(name: str = "ada", *, sign_in: str = SIGN_IN, **changed: Any) -> dict[str, Any]:
    """Say what a good access token says; None leaves a claim out."""
    now = int(time.time())
    good = {
        "aud": CLIENT,
        "iss": f"{sign_in}/{TENANT}/v2.0",
        "iat": now - 5,
        "nbf": now - 5,
        "exp": now + 600,
        "tid": TENANT,
        "oid": PEOPLE[name],
        "sub": f"pairwise-{name}",
        "preferred_username": f"{name}@contoso.com",
        "roles": ["Approver"],
        "scp": "Approvals.Decide",
        "ver": "2.0",
    }
    return {k: v for k, v in {**good, **changed}.items() if v is not None}


def a_token(name: str = "ada", *, key: Key | None = None, **changed: Any) -> str:
    """Sign an access token."""
    key = key or a_key()
    return jwt.encode(claims(name, **changed), key.private, "RS256", {"kid": key.kid})


def b64(value: Any) -> str:
    """Write a part of a token by hand."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearer(token: str) -> dict[str, str]:
    """Put a token where a client puts it."""
    return {"authorization": f"Bearer {token}"}


def principal(name: str = "ada", **changed: Any) -> dict[str, str]:
    """Write the headers that App Service sets for somebody who is signed in."""
    schema = "http://schemas.microsoft.com/identity/claims"
    values: Mapping[str, Any] = {
        "auth_typ": "aad",
        "roles": ["Approver"],
        "tenant": TENANT,
        "named": True,
        **changed,
    }
    said = [
        {"typ": f"{schema}/objectidentifier", "val": PEOPLE[name]},
        {"typ": f"{schema}/tenantid", "val": values["tenant"]},
        *({"typ": "roles", "val": role} for role in values["roles"]),
    ]
    if values["named"]:
        said.append({"typ": "preferred_username", "val": f"{name}@contoso.com"})
    document = {"auth_typ": values["auth_typ"], "claims": said, "name_typ": "", "role_typ": ""}
    text = base64.b64encode(json.dumps(document).encode()).decode()
    return {
        "x-ms-client-principal": text,
        "x-ms-client-principal-name": f"{name}@contoso.com",
        "x-ms-client-principal-id": PEOPLE[name],
        "x-ms-client-principal-idp": "aad",
    }
