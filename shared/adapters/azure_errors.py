"""Azure's exceptions, said once in our own words.

What the caller was doing goes in front; then the status, the service's own error code
and its message. Headers, request bodies and whatever looks like a credential stay out.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
(429 and Retry-After); https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    StaleFacts,
    Throttled,
)

SOON = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)
MESSAGE_LIMIT = 400
Mapped = Callable[[str], AutomationError]
_AS_USUAL: Mapping[int, Mapped] = MappingProxyType({})
_STALE = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LOCKED = frozenset({"ScopeLocked", "ReadOnlyDisabledSubscription"})
"""A resource lock answers 409, but no retry helps: a person must lift it."""
_BUSY = frozenset(
    {"ServerBusy", "TableBeingDeleted", "QueueBeingDeleted", "ContainerBeingDeleted"}
)
"""Storage throttles with 503 and such a code; a name being deleted is free again soon."""
_SECRET = re.compile(
    r"(?i)(?P<name>\bbearer\s+|\b(?:sig|accountkey|sharedaccesssignature|client_secret"
    r"|access_token|code)=)[^\s&;,\"']+"
)


@asynccontextmanager
async def translated(
    doing: str, *, role: str = "", instead: Mapping[int, Mapped] = _AS_USUAL
) -> AsyncIterator[None]:
    """Turn what Azure's libraries raise inside into our own errors.

    Args:
        doing: What is being done and with what, lower case: ``deallocating vm-7``.
        role: The role to grant when the identity may not do it.
        instead: Another error for a status than the usual one.
    """
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, TimeoutError, OSError) as exc:
        raise translate(exc, doing, role=role, instead=instead) from exc


def translate(
    exc: BaseException,
    doing: str,
    *,
    role: str = "",
    instead: Mapping[int, Mapped] = _AS_USUAL,
) -> AutomationError:
    """Return the error of ours that says what the engine should do about ``exc``.

    An answer decides by its status. Without an answer nobody knows whether the request
    arrived: that is ``ProviderUnavailable``, and effects are safe to repeat.
    """
    status = status_of(exc)
    if status is None:
        return _unanswered(exc, doing, role)
    text = f"{doing}: {status} {_words(exc)}".rstrip()
    if status in instead:
        return instead[status](text)
    if status in _REFUSED or error_code(exc) in _LOCKED:
        return Forbidden(_with_role(text, role))
    if status == HTTPStatus.TOO_MANY_REQUESTS or error_code(exc) in _BUSY:
        return Throttled(text, after=_patience(exc))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return ProviderUnavailable(text, after=_patience(exc))
    return StaleFacts(text) if status in _STALE else _other(status, text)


def _other(status: int, text: str) -> AutomationError:
    """Any other 4xx says the request is wrong; a lesser status that it was cut short."""
    if status >= HTTPStatus.BAD_REQUEST:
        return InvalidTarget(text)
    return ProviderUnavailable(text, after=SOON)


def _unanswered(exc: BaseException, doing: str, role: str) -> AutomationError:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        ServiceRequestError,
        ServiceResponseError,
    )

    text = f"{doing}: {_words(exc) or type(exc).__name__}"
    lost = isinstance(exc.__cause__, ServiceRequestError | ServiceResponseError)
    if isinstance(exc, ClientAuthenticationError) and not lost:
        return Forbidden(_with_role(text, role))
    return ProviderUnavailable(text, after=SOON)


def _with_role(text: str, role: str) -> str:
    return f"{text}; grant the app's identity the role {role}" if role else text


def status_of(exc: BaseException) -> int | None:
    """Return the HTTP status that came with an exception, or None without an answer."""
    response = getattr(exc, "response", None)
    status = getattr(exc, "status_code", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def error_code(exc: BaseException) -> str:
    """Return the service's own error code (``ScopeLocked``, ``TableNotFound``), or empty."""
    own = getattr(exc, "error_code", None) or getattr(
        getattr(exc, "error", None), "code", None
    )
    return str(getattr(own, "value", own) or "")


def _words(exc: BaseException) -> str:
    """The service's code and the first line of its message, shortened, without secrets."""
    error = getattr(exc, "error", None)
    message = getattr(error, "message", None) or getattr(exc, "message", None) or str(exc)
    line = str(message).strip().partition("\n")[0].strip()
    code = error_code(exc)
    if code and code not in line:
        line = f"{code}: {line}"
    return _SECRET.sub(r"\g<name>***", line)[:MESSAGE_LIMIT]


def _patience(exc: BaseException) -> timedelta:
    headers = getattr(getattr(exc, "response", None), "headers", None) or {}
    return retry_after(headers) or SOON


def retry_after(headers: Mapping[str, Any]) -> timedelta | None:
    """Read how long a response asks to wait; at most ten minutes.

    ``Retry-After: 0`` counts as absent: services send it where they mean "you choose", and
    obeying it would be a busy loop. A date is compared with the response's own ``Date``,
    so that our clock's error does not matter.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    folded = {str(name).casefold(): str(value).strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        if name in folded:
            return _span(_number(folded[name]) * unit)
    text = folded.get("retry-after", "")
    number = _number(text)
    return _span(number) if not math.isnan(number) else _until(text, folded.get("date", ""))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _span(seconds: float) -> timedelta | None:
    if math.isnan(seconds) or seconds <= 0:
        return None
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))


def _until(text: str, date: str) -> timedelta | None:
    until, now = _http_date(text), _http_date(date) or datetime.now(UTC)
    return _span((until - now).total_seconds()) if until else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
