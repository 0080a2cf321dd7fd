"""Which of the known documents a JSON value is, and the signals it says.

What came through an inlet is read as that inlet reads it; a file that a person has is
told by its shape. Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.envelopes import Malformed
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json
from shared.core.signals import Signal, Unanswered
from shared.core.wire import signal_from_json
from shared.parsing import parse_alert, parse_events, parse_runbook_request

Parsed = Signal | Unanswered | Malformed
ALERT, RUNBOOK, SIGNAL = "alert", "runbook request", "signal"


@dataclass(frozen=True, slots=True)
class Runbook:
    """A person's request, with the remediation that its address names.

    Attributes:
        given: The request's ``with``.
    """

    remediation: str
    target: str
    given: Mapping[str, Any]
    is_dry_run: bool
    reason: str


def shape_of(document: object) -> str:
    """Name what a document is, from the keys that only it has."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, Mapping):
        return "event"
    if "schemaId" in first:
        return ALERT
    if "specversion" in first:
        return "cloud event"
    if "DocumentIncarnation" in first or "document" in first:
        return "scheduled events document"
    if "remediation" in first and "target" in first:
        return RUNBOOK
    if {"type", "event_id", "phase", "observed_at"} <= first.keys():
        return SIGNAL
    return "event grid event"


def read_signals(body: Any, *, received_at: datetime, inlet: str = "") -> tuple[Parsed, ...]:
    """Read what a delivery says; ``body`` is JSON values, or bytes that may be none.

    Raises:
        MalformedEvent: It is not what its inlet or its shape promises.
    """
    if inlet == "on_alert":
        return parse_alert(body)
    shape = shape_of(body)
    if not inlet and shape == ALERT:
        return parse_alert(body)
    if shape == SIGNAL:
        return (_signal(body),)
    return parse_events(body, received_at=received_at)


def read_runbook(document: Mapping[str, Any]) -> Runbook:
    """Read ``{"remediation": name, ...}`` with what the route's body may have.

    Raises:
        MalformedEvent: It is no such request.
    """
    name = document["remediation"]
    if not isinstance(name, str):
        raise MalformedEvent("$.remediation: should be the name of a remediation")
    rest = {key: value for key, value in document.items() if key != "remediation"}
    asked = parse_runbook_request(rest)
    return Runbook(name, asked.target, asked.settings, asked.is_dry_run, asked.reason)


def _signal(document: Any) -> Signal:
    check_json(document)
    try:
        signal = signal_from_json(document)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MalformedEvent(
            f"$: should be a signal as GET /api/events/{{id}} shows it: {error}"
        ) from error
    texts = (signal.event_id, signal.source, signal.target)
    if not all(isinstance(text, str) for text in texts):
        raise MalformedEvent("$: event_id, source and target of a signal should be texts")
    return signal
