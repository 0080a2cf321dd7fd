"""What the played endpoint inside a machine tells: notices, their usual courses, faults.

A notice is a small story told by the clock: scheduled, started at its moment or when it is
approved, gone; or withdrawn. Nothing runs in between: what a machine is answered follows
from the time of its question.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Json = dict[str, Any]


@dataclass
class Notice:
    """One story.

    Attributes:
        notice_s: From being announced to being started, unless somebody approves it.
        started_s: From being started to being gone.
        withdrawn_s: From being announced to being withdrawn; None for not at all.
        machines: Names of those it is about.
        only_to: Names of those that hear of it; empty for all, as the platform has it.
        approved_at: When the first approval came.
    """

    type: str
    machines: tuple[str, ...]
    announced_at: float
    notice_s: float
    started_s: float = 5.0
    withdrawn_s: float | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    only_to: tuple[str, ...] = ()
    source: str = "Platform"
    description: str = ""
    duration_s: int = -1
    iso_dates: bool = False
    approved_at: float | None = None

    @property
    def starts_at(self) -> float:
        """When it is, or will be, started."""
        planned = self.announced_at + self.notice_s
        return planned if self.approved_at is None else min(planned, self.approved_at)

    def state(self, now: float) -> str:
        """Tell what a machine would see of it: ``Scheduled``, ``Started`` or nothing."""
        withdrawn = None if self.withdrawn_s is None else self.announced_at + self.withdrawn_s
        is_withdrawn = withdrawn is not None and withdrawn <= min(now, self.starts_at)
        if now < self.announced_at or is_withdrawn or now >= self.starts_at + self.started_s:
            return ""
        return "Scheduled" if now < self.starts_at else "Started"

    def to_json(self, now: float) -> Json:
        """Write it as the endpoint does: no moment any more once it is started."""
        state = self.state(now)
        planned = datetime.fromtimestamp(self.announced_at + self.notice_s, UTC)
        text = planned.isoformat() if self.iso_dates else format_datetime(planned, usegmt=True)
        return {
            "EventId": self.id,
            "EventStatus": state,
            "EventType": self.type,
            "ResourceType": "VirtualMachine",
            "Resources": list(self.machines),
            "NotBefore": text if state == "Scheduled" else "",
            "Description": self.description,
            "EventSource": self.source,
            "DurationInSeconds": self.duration_s,
        }


@dataclass(frozen=True)
class Story:
    """The usual course of one kind, in real seconds.

    Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
    (least notice of each kind); what follows a start is a guess of a usual length.
    """

    type: str
    notice_s: float
    started_s: float
    withdrawn_s: float | None = None
    source: str = "Platform"
    duration_s: int = -1
    description: str = ""


STORIES: Mapping[str, Story] = {
    "preempt": Story("Preempt", 30, 10),
    "preempt-withdrawn": Story("Preempt", 30, 10, withdrawn_s=15),
    "terminate": Story("Terminate", 300, 30, source="User"),
    "reboot": Story("Reboot", 900, 60, duration_s=60),
    "redeploy": Story("Redeploy", 600, 120, duration_s=120),
    "freeze": Story("Freeze", 900, 10, duration_s=9, description="Live migration."),
    "canceled": Story("Freeze", 900, 10, withdrawn_s=300, duration_s=9),
    "hardware-failure": Story("Redeploy", 0, 120, description="The host failed."),
}


@dataclass
class Platform:
    """What all machines of one place are told.

    Attributes:
        approvals: Every StartRequests that was taken: machine, event and when.
        calls: Every request: machine, method, path, status and when.
        faults: What the next answers of the events are instead: ``{kind, count}``.
        issue_token: Makes a token for an audience; ``(token, expires on)``.
    """

    notices: list[Notice] = field(default_factory=list)
    approvals: list[Json] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)
    issue_token: Callable[[str], tuple[str, int]] = field(
        default=lambda _: (secrets.token_urlsafe(24), int(time.time()) + 3600)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    _incarnations: dict[str, tuple[str, int]] = field(default_factory=dict)

    def play(
        self, name: str, machines: Sequence[str], *, speed: float = 1.0, **more: Any
    ) -> Notice:
        """Begin a usual story now, ``speed`` times as fast as it is; ``more`` changes it."""
        story = STORIES[name]
        withdrawn = story.withdrawn_s
        values: Json = {
            "notice_s": story.notice_s / speed,
            "started_s": story.started_s / speed,
            "withdrawn_s": None if withdrawn is None else withdrawn / speed,
            "source": story.source,
            "duration_s": story.duration_s,
            "description": story.description,
        }
        notice = Notice(story.type, tuple(machines), time.time(), **{**values, **more})
        with self.lock:
            self.notices.append(notice)
        return notice

    def document(self, machine: str) -> Json:
        """Write what one machine is told now; the number rises when the events change."""
        now = time.time()
        with self.lock:
            events = [
                one.to_json(now)
                for one in self.notices
                if one.state(now) and (not one.only_to or machine in one.only_to)
            ]
            text = json.dumps(events)
            before, number = self._incarnations.get(machine, ("[]", 1))
            if before != text:
                number += 1
            self._incarnations[machine] = (text, number)
        return {"DocumentIncarnation": number, "Events": events}

    def approve(self, machine: str, event_id: str) -> bool:
        """Start a notice for every machine it names; False if there is none of that id.

        Approving again is taken too, and changes nothing.
        """
        now = time.time()
        with self.lock:
            for one in self.notices:
                if one.id.lower() == event_id.lower() and one.state(now):
                    self.approvals.append({"machine": machine, "event": one.id, "time": now})
                    one.approved_at = one.approved_at or now
                    return True
        return False

    def fault(self) -> Json | None:
        """Take the next fault, if one is ordered."""
        with self.lock:
            if not self.faults:
                return None
            first = self.faults[0]
            first["count"] = first.get("count", 1) - 1
            if first["count"] <= 0:
                self.faults.pop(0)
            return first
