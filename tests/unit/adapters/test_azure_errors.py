"""What the engine hears when Azure says no, breaks, or does not answer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceModifiedError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)

from shared.adapters.azure_errors import retry_after, translate, translated
from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidTarget,
    LeaseHeld,
    ProviderUnavailable,
    RetryLater,
    StaleFacts,
    Throttled,
)


class Answer:
    """An HTTP response as far as azure-core reads one."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str):
        self.status_code = status
        self.reason = "reason"
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}
        self.body = {"error": {"code": code, "message": message}}

    def text(self) -> str:
        return json.dumps(self.body)


def raised(status: int, code: str = "Oops", message: str = "it broke", **headers: str):
    return HttpResponseError(response=Answer(status, code, message, **headers))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidTarget),
        (401, Forbidden),
        (403, Forbidden),
        (404, InvalidTarget),
        (408, ProviderUnavailable),
        (409, StaleFacts),
        (410, InvalidTarget),
        (412, StaleFacts),
        (413, InvalidTarget),
        (429, Throttled),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderUnavailable),
        (200, ProviderUnavailable),
    ],
)
def test_each_status_means_one_thing(status: int, kind: type[AutomationError]):
    """The engine retries, gives up or looks again by the kind alone."""
    assert kind is type(translate(raised(status), "reading vm-7"))


def test_the_message_says_what_was_done_and_what_the_service_said():
    """A person must be able to act on the message without the log of the library."""
    error = translate(raised(404, "ResourceNotFound", "no such vm"), "deallocating vm-7")
    assert "deallocating vm-7: 404 ResourceNotFound: no such vm" == str(error)


def test_forbidden_names_the_role_to_grant():
    """A missing role is the commonest fault of a new deployment: say which."""
    error = translate(
        raised(403, "AuthorizationFailed", "no"), "deallocating vm-7", role="Operator X"
    )
    assert isinstance(error, Forbidden)
    assert "grant the app's identity the role Operator X" in str(error)


def test_a_resource_lock_is_not_a_conflict_to_retry():
    """A lock answers 409 too, but only a person can lift it."""
    error = translate(raised(409, "ScopeLocked", "the scope is locked"), "redeploying vm-7")
    assert isinstance(error, Forbidden)


def test_storage_says_busy_with_503():
    """Storage's way of throttling is 503 ServerBusy; it is patience, not an outage."""
    assert isinstance(translate(raised(503, "ServerBusy"), "saving"), Throttled)


def test_a_status_can_be_given_another_meaning():
    """Some calls use a status for something else (409 while another operation runs)."""
    error = translate(
        raised(409),
        "updating pool",
        instead={409: lambda text: LeaseHeld(text, after=timedelta(seconds=9))},
    )
    assert isinstance(error, LeaseHeld)
    assert "updating pool: 409 Oops: it broke" == str(error)


@pytest.mark.parametrize(
    "lost",
    [
        ServiceRequestError("cannot connect"),
        ServiceResponseTimeoutError("read timed out"),
        DecodeError("not json"),
        TimeoutError(),
        ConnectionResetError("reset by peer"),
    ],
)
def test_no_answer_is_worth_another_try(lost: Exception):
    """Without an answer nobody knows; effects are safe to repeat, so repeat."""
    error = translate(lost, "saving a plan")
    assert isinstance(error, ProviderUnavailable)
    assert timedelta(seconds=1) == error.after
    assert str(error).startswith("saving a plan: ")


def test_no_identity_is_not_worth_another_try():
    """A missing managed identity does not appear by waiting."""
    error = translate(ClientAuthenticationError("no managed identity endpoint"), "reading")
    assert isinstance(error, Forbidden)


def test_an_identity_endpoint_that_cannot_be_reached_passes():
    """The token call failing on the network is an outage, not a refusal."""
    error = ClientAuthenticationError("could not get a token")
    error.__cause__ = ServiceRequestError("cannot connect")
    assert isinstance(translate(error, "reading"), ProviderUnavailable)


def test_nothing_that_looks_like_a_credential_is_repeated():
    """A message ends up in logs and in the ledger, which people read."""
    spoken = "GET https://x/?sig=abc%2Fdef&se=1 with Bearer eyJ0.abc AccountKey=Zm9v==;x"
    text = str(translate(raised(403, "AuthenticationFailed", spoken), "reading"))
    assert [] == [s for s in ("abc%2Fdef", "eyJ0", "Zm9v") if s in text]


def test_only_the_first_line_is_repeated():
    """Libraries add request ids, bodies and headers below the first line."""
    error = ResourceModifiedError("changed\nRequestId:1\nContent: <xml>")
    error.status_code = 412
    assert "saving: 412 changed" == str(translate(error, "saving"))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, 600),
        ({"Retry-After": "86400"}, 600),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "soon"}, None),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 08:00:30 GMT",
                "Date": "Sun, 22 Nov 2026 08:00:00 GMT",
            },
            30,
        ),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 07:00:00 GMT",
                "Date": "Sun, 22 Nov 2026 08:00:00 GMT",
            },
            None,
        ),
        ({"Retry-After": "Sun, 22 Nov 2009 07:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_patience_is_read_as_the_service_wrote_it(headers, wait):
    """Seconds, a date or milliseconds; zero and nonsense count as nothing said."""
    expected = timedelta(seconds=wait) if wait is not None else None
    assert expected == retry_after(headers)


def test_throttled_waits_as_long_as_it_was_told():
    """The wait comes from the service where it gave one, else a second."""
    told, silent = (translate(raised(429, **h), "x") for h in ({"Retry_After": "7"}, {}))
    assert isinstance(told, RetryLater)
    assert isinstance(silent, RetryLater)
    assert (timedelta(seconds=7), timedelta(seconds=1)) == (told.after, silent.after)


async def test_the_block_lets_our_own_errors_through():
    """What is already in our words must not be said twice."""
    with pytest.raises(StaleFacts, match=r"^mine$"):
        async with translated("saving"):
            raise StaleFacts("mine")


async def test_the_block_keeps_the_cause():
    """The library's own exception stays reachable for whoever debugs."""
    cause = raised(500)
    with pytest.raises(ProviderUnavailable) as caught:
        async with translated("saving"):
            raise cause
    assert cause is caught.value.__cause__


async def test_a_mistake_of_ours_is_not_dressed_up():
    """A KeyError is a bug, and must look like one."""
    with pytest.raises(KeyError):
        async with translated("saving"):
            raise KeyError("x")
