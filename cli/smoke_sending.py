"""Send a smoke test's events, each by the way that it tries.

The trigger is reached as a forwarder reaches it, through the topic and its subscription,
with the person's own sign-in; or at the host's webhook, with a system key, where a person
may not publish. The queue's event is put there by the app, the timer's waits for its tick.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from cli import smoke_events
from cli.doctor import headers
from cli.over_http import LOCAL, TIMEOUT_S, Refused, send
from shared.core.smoke_tests import Inlet

AUDIENCE = "https://eventgrid.azure.net/.default"
CLOUD_EVENTS = "application/cloudevents+json; charset=utf-8"


class NotTried(Exception):
    """A way in could not be tried; the message says what would let it be."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one inlet is tried.

    Attributes:
        hops: What it passes, for the report.
        limit_s: How long its answer may take.
        begin: Sends the event; None if it is under way already.
    """

    inlet: Inlet
    hops: str
    limit_s: float
    begin: Callable[[], None] | None = None


def ways(
    arguments: argparse.Namespace, tests: Mapping[Inlet, Mapping[str, str]], topic: str
) -> list[Way]:
    """Say how each inlet is tried.

    Args:
        topic: Endpoint of a topic that leads to the app, or empty.
    """
    return [
        _trigger(arguments, tests[Inlet.EVENT_GRID], topic),
        Way(Inlet.QUEUE, "app -> queue -> on_platform_event", 20.0),
        Way(
            Inlet.ALERT,
            "POST /api/alerts",
            15.0,
            lambda: _alert(arguments, tests[Inlet.ALERT]),
        ),
        Way(
            Inlet.RUNBOOK,
            "POST /api/runbooks/ask_a_person",
            15.0,
            lambda: _runbook(arguments, tests[Inlet.RUNBOOK]),
        ),
        _timer(arguments),
    ]


def _trigger(arguments: argparse.Namespace, test: Mapping[str, str], topic: str) -> Way:
    event = smoke_events.forwarded_notice(test["event_id"], test["target"], _now())
    if topic and not arguments.webhook:
        return Way(
            Inlet.EVENT_GRID,
            "topic -> subscription -> on_maintenance_event",
            60.0,
            lambda: _publish(topic, event),
        )
    return Way(
        Inlet.EVENT_GRID,
        "webhook -> on_maintenance_event",
        20.0,
        lambda: _call_webhook(arguments, event),
    )


def _timer(arguments: argparse.Namespace) -> Way:
    if not arguments.master_key:
        return Way(Inlet.TIMER, "tick_resume, by itself", 60.0)
    return Way(
        Inlet.TIMER, "/admin/functions/tick_resume", 30.0, lambda: _fire_timer(arguments)
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _alert(arguments: argparse.Namespace, test: Mapping[str, str]) -> None:
    body = smoke_events.alert(test["event_id"], test["target"], _now())
    send(arguments.url, "POST", "/api/alerts", headers(arguments), body)


def _runbook(arguments: argparse.Namespace, test: Mapping[str, str]) -> None:
    named = {**headers(arguments), "Idempotency-Key": test["event_id"]}
    body = smoke_events.runbook(test["target"])
    send(arguments.url, "POST", "/api/runbooks/ask_a_person", named, body)


def _fire_timer(arguments: argparse.Namespace) -> None:
    key = {"x-functions-key": arguments.master_key}
    url = f"{arguments.url.rstrip('/')}/admin/functions/tick_resume"
    _post(url, json.dumps({"input": ""}).encode(), {**key, "content-type": "application/json"})


def _call_webhook(arguments: argparse.Namespace, event: Mapping[str, Any]) -> None:
    if not arguments.system_key:
        raise NotTried(
            "no topic of your own leads to the app, or --app-id is not known: give "
            "--topic URL, or --system-key $(az functionapp keys list -g GROUP -n APP "
            "--query systemKeys.eventgrid_extension -o tsv)"
        )
    url = (
        f"{arguments.url.rstrip('/')}/runtime/webhooks/EventGrid"
        f"?functionName=on_maintenance_event&code={quote(arguments.system_key, safe='')}"
    )
    kind = {"aeg-event-type": "Notification", "content-type": CLOUD_EVENTS}
    _post(url, json.dumps(event).encode(), kind)


def _publish(topic: str, event: Mapping[str, Any]) -> None:
    """Publish as a forwarder does, with whatever the person is signed in with."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    try:
        with DefaultAzureCredential() as credential:
            token = credential.get_token(AUDIENCE).token
    except ClientAuthenticationError as error:
        raise NotTried("you are not signed in: az login, or --webhook --system-key") from error
    url = topic if "?" in topic else f"{topic}?api-version=2018-01-01"
    kind = {"authorization": f"Bearer {token}", "content-type": CLOUD_EVENTS}
    try:
        _post(url, json.dumps(event).encode(), kind)
    except Refused as error:
        if str(error)[:3] not in {"401", "403"}:
            raise
        raise NotTried(
            "you may not publish to the topic: az role assignment create --role 'EventGrid "
            "Data Sender' --assignee YOU --scope TOPIC_ID, or --webhook --system-key"
        ) from error


def _post(url: str, body: bytes, sent: Mapping[str, str]) -> None:
    """Post; an error names the address without its query, which may hold a key.

    Raises:
        Refused: It was not taken.
    """
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme != "https" and parts.hostname not in LOCAL:
        raise Refused(f"{shown} is not https: the key would be readable on the way")
    request = urllib.request.Request(url, body, dict(sent), method="POST")  # noqa: S310 - the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise Refused(f"{answer.status} from {shown}")
    except urllib.error.HTTPError as error:
        raise Refused(f"{error.code} from {shown}: {error.reason}") from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise Refused(f"asking {shown}: {getattr(error, 'reason', error)}") from None
