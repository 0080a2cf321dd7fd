"""Sign-in with Entra: bearer tokens checked by its published keys, or App Service's header.

The header is believed only where the deployment says that App Service authentication
stands in front of the app. Keys are read over HTTPS, kept for a day, and read again for
a key id that is not known: once a minute at most, because anybody can make one up.

Source: https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens,
https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.core.approvals import Refusal, Refused
from shared.core.errors import ProviderUnavailable
from shared.core.settings import Settings
from shared.core.sign_in import (
    PRINCIPAL,
    PRINCIPAL_PREFIX,
    Identity,
    identity_of_header,
    identity_of_token,
    must_have_role,
    program_of_token,
)

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHM = "RS256"
LEEWAY_S = 60
MOST_TOKEN = 16 * 1024  # characters
KEYS_LAST = timedelta(days=1)
KEYS_ASKED = timedelta(minutes=1)
KEYS_MISSED = timedelta(seconds=10)
"""After a read that failed nobody else waits for another one so soon."""
CALL_LIMIT_S = 10.0
_REQUIRED = ["exp", "nbf", "iss", "aud", "oid"]
Fetch = Callable[[], Awaitable[Mapping[str, Any]]]


class SignIn:
    """Tells who sends a request."""

    def __init__(
        self,
        settings: Settings,
        fetch: Fetch | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember whom to believe; the first token reads the keys."""
        self.settings = settings
        self._keys = _Keys(fetch or (lambda: _fetch(_keys_address(settings))), now)

    def refuse_forged(self, headers: Mapping[str, str]) -> None:
        """Refuse a request with a header that nobody in front of us can have set.

        Raises:
            Refused: It has one.
        """
        has_one = any(name.startswith(PRINCIPAL_PREFIX) for name in headers)
        if has_one and not self.settings.app_service_auth:
            raise Refused(
                Refusal.HEADER_NOT_BELIEVED,
                f"{PRINCIPAL} proves nothing here: App Service authentication does not "
                "stand in front of this app (NIGHTSHIFT_APP_SERVICE_AUTH)",
            )

    async def who(self, headers: Mapping[str, str]) -> Identity | None:
        """Return who is signed in; None for somebody who does not say.

        Args:
            headers: With names in small letters.

        Raises:
            Refused: What they bring proves nothing; the refusal says what.
            RetryLater: Entra's keys could not be read.
        """
        self.refuse_forged(headers)
        if headers.get(PRINCIPAL, "").strip():
            return identity_of_header(headers[PRINCIPAL], self.settings.tenant)
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        if not scheme:
            return None
        if scheme.casefold() != "bearer":
            raise Refused(Refusal.BAD_TOKEN, "authorization should be a bearer token")
        claims = await self._claims(token.strip())
        return identity_of_token(claims, self.settings.tenant)

    async def program(self, headers: Mapping[str, str], role: str) -> Identity:
        """Return which program sent a request; it must have the app role.

        Only its own token counts: App Service passes it on as it came.

        Raises:
            Refused: It brings no token, or one that does not prove that.
            RetryLater: Entra's keys could not be read.
        """
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        if scheme.casefold() != "bearer":
            raise Refused(
                Refusal.NOT_SIGNED_IN,
                f"the key is not enough here: send a token with the app role {role}",
            )
        claims = await self._claims(token.strip())
        identity = program_of_token(claims, self.settings.tenant)
        must_have_role(identity, role)
        return identity

    async def approver(self, headers: Mapping[str, str]) -> Identity | None:
        """Return who is signed in and may approve; None for somebody who does not say.

        Raises:
            Refused: As ``who``, or they lack the role.
        """
        identity = await self.who(headers)
        if identity is not None:
            must_have_role(identity, self.settings.approver_role)
        return identity

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """Check a token by the library, with nothing left to what the token says itself."""
        import jwt

        settings = self.settings
        if not (settings.tenant and settings.audience):
            raise Refused(
                Refusal.BAD_TOKEN,
                "this app takes no bearer tokens: NIGHTSHIFT_TENANT and NIGHTSHIFT_AUDIENCE "
                "are not set",
            )
        key = await self._keys.get(_key_id(token))
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=settings.audience,
                issuer=_issuers(settings),
                leeway=LEEWAY_S,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as exc:
            raise _refused(exc) from None
        return claims


def _issuers(settings: Settings) -> list[str]:
    """Name who issues: version 2 tokens by the sign-in address, version 1 by the old one."""
    return [
        f"{settings.sign_in}/{settings.tenant}/v2.0",
        f"https://sts.windows.net/{settings.tenant}/",
    ]


def _keys_address(settings: Settings) -> str:
    return f"{settings.sign_in}/{settings.tenant}/discovery/v2.0/keys"


def _key_id(token: str) -> str:
    """Read which key a token claims; the algorithm is ours to choose, not the token's."""
    import jwt

    if not token or len(token) > MOST_TOKEN:
        raise Refused(Refusal.BAD_TOKEN, f"a token has 1 to {MOST_TOKEN} characters")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Refused(Refusal.BAD_TOKEN, "the bearer token is no JSON web token") from None
    name = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(name, str):
        raise Refused(Refusal.BAD_TOKEN, f"a token is signed by {ALGORITHM} and names its key")
    return name


def _refused(exc: Exception) -> Refused:
    """Name what is wrong with a token; its content is not repeated."""
    import jwt

    if isinstance(exc, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError):
        return Refused(Refusal.TOKEN_EXPIRED, "the token is over, or not valid yet: get one")
    if isinstance(exc, jwt.InvalidAudienceError):
        return Refused(Refusal.WRONG_AUDIENCE, "the token is for another app than this one")
    if isinstance(exc, jwt.InvalidIssuerError):
        return Refused(Refusal.WRONG_ISSUER, "the token is of another tenant or issuer")
    return Refused(Refusal.BAD_TOKEN, f"the token is not good: {type(exc).__name__}")


class _Keys:
    """Entra's signing keys by id."""

    def __init__(self, fetch: Fetch, now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._known: dict[str, PyJWK] = {}
        self._read_at = 0.0
        self._missed_at: float | None = None
        self._lock = asyncio.Lock()

    async def get(self, name: str) -> PyJWK:
        """Return a key.

        Raises:
            Refused: Entra has no key of that id.
            RetryLater: The keys could not be read.
        """
        if name not in self._known or self._age > KEYS_LAST.total_seconds():
            async with self._lock:
                await self._refresh(name)
        if name not in self._known:
            raise Refused(Refusal.BAD_TOKEN, "the token is signed by a key that Entra has not")
        return self._known[name]

    @property
    def _age(self) -> float:
        return self._now() - self._read_at

    async def _refresh(self, name: str) -> None:
        """Read the keys again, unless somebody just did."""
        is_old = not self._known or self._age > KEYS_LAST.total_seconds()
        if not is_old and (name in self._known or self._age < KEYS_ASKED.total_seconds()):
            return
        rest = KEYS_MISSED.total_seconds()
        if self._missed_at is not None and self._now() - self._missed_at < rest:
            raise ProviderUnavailable(
                "reading Entra's keys failed just now", after=KEYS_MISSED
            )
        self._missed_at = self._now()  # unless it succeeds
        self._known = _signing_keys(await self._fetch())
        self._read_at, self._missed_at = self._now(), None


def _signing_keys(document: Mapping[str, Any]) -> dict[str, PyJWK]:
    import jwt

    found: dict[str, PyJWK] = {}
    for one in document.get("keys") or ():
        if not isinstance(one, dict) or one.get("kty") != "RSA":
            continue
        if one.get("use", "sig") != "sig" or not isinstance(one.get("kid"), str):
            continue
        try:
            found[one["kid"]] = jwt.PyJWK(one, algorithm=ALGORITHM)
        except jwt.PyJWTError:
            continue
    if not found:
        raise ProviderUnavailable("reading Entra's keys: none is there", after=KEYS_ASKED)
    return found


async def _fetch(url: str) -> Mapping[str, Any]:
    """Read the published keys; redirects are not followed."""
    from azure.core import AsyncPipelineClient
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest

    from shared.adapters.azure_errors import translated
    from shared.adapters.sdk_options import has_proxy, sdk_options

    options = sdk_options()
    chain = [policies.UserAgentPolicy(base_user_agent="nightshift"), policies.ProxyPolicy()]
    client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
        url, policies=chain, use_env_settings=has_proxy(), **options
    )
    async with translated("reading Entra's keys"), client, asyncio.timeout(CALL_LIMIT_S):
        response = await client.send_request(HttpRequest("GET", url))
        if response.status_code != 200:  # noqa: PLR2004 - OK
            raise HttpResponseError(response=response)
        try:
            body = response.json()
        except ValueError:
            body = None
    return body if isinstance(body, dict) else {}
