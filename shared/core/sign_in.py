"""Who somebody is, read from what Entra, or App Service in front of us, has vouched for.

Pure: whether a token's signature is good, or a header may be believed at all, is known
before anything here is asked. A person is known by tenant and object id, which stay;
names are for people to read.

Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
(``oid``, ``tid``, ``roles``; ``scp`` is in tokens of people only) and
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.core.approvals import Refusal, Refused
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, load_json

PRINCIPAL = "x-ms-client-principal"
PRINCIPAL_PREFIX = "x-ms-client-principal"
"""App Service sets four headers that begin so; where it does not stand, anybody can."""
READER, OPERATOR = "Reader", "Operator"
"""App roles: to read, and to start runbooks, pause and reset."""
MOST_HEADER = 64 * 1024  # bytes
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCHEMAS = "http://schemas.microsoft.com/identity/claims"
_XML = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_OBJECT = ("oid", f"{_SCHEMAS}/objectidentifier")
_TENANT = ("tid", f"{_SCHEMAS}/tenantid")
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_NAMES = (
    "preferred_username",
    "upn",
    f"{_XML}/upn",
    f"{_XML}/emailaddress",
    "unique_name",
    f"{_XML}/name",
    "name",
)
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """A person whom Entra vouches for.

    Attributes:
        subject: ``tenant/object id``, the same for ever.
    """

    name: str
    subject: str
    roles: frozenset[str]


def identity_of_token(claims: Mapping[str, Any], tenant: str) -> Identity:
    """Read the claims of an access token whose signature, audience and time are good.

    Raises:
        Refused: It is of an application, of another tenant, or names nobody.
    """
    if not isinstance(claims.get("scp"), str) or claims.get("idtyp") == "app":
        raise Refused(
            Refusal.NOT_A_PERSON, "the token is an application's: a person must decide"
        )
    listed = claims.get("roles")
    roles = listed if isinstance(listed, list) else []
    pairs = [(name, value) for name, value in claims.items() if isinstance(value, str)]
    pairs.append(("tid", tenant))  # its issuer is this tenant, whether it says so again or not
    return _identity(pairs, [role for role in roles if isinstance(role, str)], tenant)


def program_of_token(claims: Mapping[str, Any], tenant: str) -> Identity:
    """Read the claims of a program's own token; its name is its application's id.

    Raises:
        Refused: It is a person's, of another tenant, or names nobody.
    """
    if isinstance(claims.get("scp"), str):
        raise Refused(Refusal.WRONG_ROLE, "the token is a person's: a program posts alerts")
    listed = claims.get("roles")
    roles = listed if isinstance(listed, list) else []
    pairs = [(name, value) for name, value in claims.items() if isinstance(value, str)]
    named = str(claims.get("azp") or claims.get("appid") or claims.get("oid") or "")
    pairs += [("tid", tenant), ("name", named)]
    return _identity(pairs, [role for role in roles if isinstance(role, str)], tenant)


def identity_of_header(text: str, tenant: str) -> Identity:
    """Read ``x-ms-client-principal`` as App Service writes it.

    Raises:
        Refused: It is no such header, or somebody else than a person of the tenant.
    """
    document = _decoded(text)
    if document.get("auth_typ") != "aad":
        raise Refused(
            Refusal.WRONG_ISSUER, "you are signed in, but not with Entra: sign in with it"
        )
    claims = document.get("claims")
    if not isinstance(claims, list):
        raise _bad_header()
    pairs = [
        (str(claim["typ"]), claim["val"])
        for claim in claims
        if isinstance(claim, dict) and "typ" in claim and isinstance(claim.get("val"), str)
    ]
    if not any(name in _NAMES for name, _ in pairs):
        raise Refused(
            Refusal.NOT_A_PERSON, "an application is signed in: a person must decide"
        )
    return _identity(pairs, [value for name, value in pairs if name in _ROLES], tenant)


def must_have_role(identity: Identity, role: str) -> None:
    """Insist that a person has an app role.

    Raises:
        Refused: They have not.
    """
    must_have_one(identity, (role,))


def must_have_one(identity: Identity, roles: Sequence[str]) -> None:
    """Insist that a person has one of some app roles.

    Raises:
        Refused: They have none of them.
    """
    if identity.roles.isdisjoint(roles):
        wanted = " or ".join(roles)
        raise Refused(
            Refusal.WRONG_ROLE,
            f"{identity.name} has not the app role {wanted}: ask for it, or somebody who has",
        )


def is_cross_site(headers: Mapping[str, str], own: str, *, is_form: bool) -> bool:
    """Tell whether another site made a browser send this.

    A browser says where a request comes from, in ``Sec-Fetch-Site`` or ``Origin``. A form
    that says neither is refused too; a program says neither and needs no form.

    Args:
        headers: With names in small letters.
        own: Our address as people see it, or empty.

    Source: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    """
    site = headers.get("sec-fetch-site", "").strip().casefold()
    if site:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin", "").strip()
    if not origin:
        return is_form
    return _host(origin) not in {_host(own), headers.get("host", "").casefold()} - {""}


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.casefold()
    except ValueError:
        return ""


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        raw = base64.b64decode(text[: 2 * MOST_HEADER].strip(), validate=True)
        value = load_json(raw, limit=MOST_HEADER)
        check_json(value)
    except (binascii.Error, ValueError, MalformedEvent):
        raise _bad_header() from None
    if not isinstance(value, dict):
        raise _bad_header()
    return value


def _bad_header() -> Refused:
    return Refused(Refusal.BAD_TOKEN, f"{PRINCIPAL} is not what App Service writes")


def _identity(pairs: Iterable[tuple[str, str]], roles: Iterable[str], tenant: str) -> Identity:
    claims: dict[str, str] = {}
    for name, value in pairs:
        claims.setdefault(name, value)
    home, person = _first(claims, _TENANT).casefold(), _first(claims, _OBJECT).casefold()
    if not tenant:
        raise Refused(
            Refusal.WRONG_ISSUER,
            "the app does not know whose people may approve: set NIGHTSHIFT_TENANT",
        )
    if home != tenant.casefold():
        raise Refused(Refusal.WRONG_ISSUER, "you are signed in with another tenant")
    if not _GUID.fullmatch(person):
        raise Refused(Refusal.NOT_A_PERSON, "the sign-in names no object id")
    name = " ".join(_first(claims, _NAMES).split())[:_SHOWN]
    return Identity(name or person, f"{home}/{person}", frozenset(roles))


def _first(claims: Mapping[str, str], names: Iterable[str]) -> str:
    return next((claims[name].strip() for name in names if claims.get(name, "").strip()), "")
