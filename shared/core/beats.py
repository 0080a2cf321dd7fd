"""Heartbeats of forwarders: what one says, and which forwarder has been silent too long.

A beat travels the way of a notice, through the topic, its subscription and the trigger:
where beats arrive, notices do. It proves no more than that somebody with the topic's role
sent it, and nothing is acted on because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core.json_reading import JsonObject
from shared.core.resource_ids import SCALE_SET_VM, VM

BEAT_TYPE = "Nightshift.Forwarder.Heartbeat"
LEAST, MOST = timedelta(minutes=1), timedelta(days=1)
MISSED = 3
"""How many beats in a row may be missing before a forwarder counts as silent."""
KEPT = timedelta(days=7)
"""How long a machine that says nothing any more stays on the roll."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A forwarder's last word.

    Attributes:
        machine: Full ARM id.
        every: How often it says so.
        sent_at: By its own clock.
        heard_at: By ours.
        waiting: Events in its spool that it has not sent.
        lost: Events that its spool had no room for since it started.
        failing: How many looks at the machine's endpoint failed in a row.
    """

    machine: str
    version: str
    every: timedelta
    sent_at: datetime
    heard_at: datetime
    waiting: int = 0
    lost: int = 0
    failing: int = 0

    @property
    def silent_from(self) -> datetime:
        """The moment from which on it has been silent for too long."""
        return self.heard_at + self.every * MISSED


def is_beat(event: object) -> bool:
    """Tell a heartbeat from every other event, by its type alone."""
    return isinstance(event, Mapping) and event.get("type") == BEAT_TYPE


def read_beat(event: Mapping[str, Any], heard_at: datetime) -> Beat:
    """Read one heartbeat.

    Raises:
        MalformedEvent: It is not what a forwarder sends.
    """
    whole = JsonObject.of(dict(event))
    data = whole.object("data")
    machine = data.arm_id("vmId")
    if machine.type not in {VM, SCALE_SET_VM} or not machine.resource_group:
        raise data.wrong("vmId", "the id of a VM or of a scale set's instance")
    every = timedelta(seconds=_count(data, "every"))
    if not LEAST <= every <= MOST:
        raise data.wrong("every", "60 to 86400 seconds")
    sent_at = whole.optional_moment("time")
    return Beat(
        machine=machine.text,
        version=data.loose_text("version")[:20],
        every=every,
        sent_at=sent_at or heard_at,
        heard_at=heard_at,
        waiting=_count(data, "waiting"),
        lost=_count(data, "lost"),
        failing=_count(data, "failing"),
    )


def _count(data: JsonObject, name: str) -> int:
    number = data.loose_number(name)
    if number is None or not 0 <= number <= 1_000_000_000:  # noqa: PLR2004 - fits a table's column
        raise data.wrong(name, "a whole number from 0 on")
    return int(number)
