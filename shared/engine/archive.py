"""A copy of every delivery, as it came, for replays; a convenience, never a condition.

The copy is written while the event is answered and awaited before it is acknowledged,
but it may not be in the way of either: it begins when the answering is over or has had
its first effect long since, and what it fails at is told and no more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import datetime, timedelta

from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, load_json
from shared.core.wire import write_moment
from shared.engine.night import Night

HEAD_START = timedelta(seconds=2)
PATIENCE = timedelta(seconds=4)
AT_ONCE = 256  # the most that one batch request of the blob service deletes


class Copy:
    """The copy of one delivery, being written beside the answering."""

    def __init__(self, night: Night, inlet: str, body: bytes) -> None:
        """Begin; needs a running event loop. Nothing is copied if the archive is off."""
        self._answered = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        if night.settings.archive_days:
            received_at = night.ports.clock.now()
            self._writing = asyncio.create_task(self._write(night, inlet, body, received_at))

    async def _write(self, night: Night, inlet: str, body: bytes, at: datetime) -> None:
        """Let the first effect go first: even an unhurried copy costs it milliseconds."""
        waiting = asyncio.create_task(self._answered.wait())
        await asyncio.wait([waiting], timeout=HEAD_START.total_seconds())
        waiting.cancel()
        await night.ports.records.archive(name_of(at, inlet, body), written(at, inlet, body))

    async def finish(self) -> str:
        """Wait for the copy, not for long; return why there is none, or nothing."""
        self._answered.set()
        if self._writing is None:
            return ""
        try:
            await asyncio.wait_for(self._writing, PATIENCE.total_seconds())
        except TimeoutError:
            return f"it was not written within {PATIENCE.total_seconds():g} s"
        except Exception as error:  # noqa: BLE001 - no copy is worth an event
            return f"{type(error).__name__}: {error}"
        return ""


def name_of(received_at: datetime, inlet: str, body: bytes) -> str:
    """Name a copy so that names sort as the deliveries came, by day and hour."""
    mark = hashlib.sha256(body).hexdigest()[:16]
    stamp = f"{received_at:%Y/%m/%d/%H/%M%S}.{received_at.microsecond // 1000:03d}"
    return f"{stamp}-{inlet}-{mark}.json"


def day_of(moment: datetime) -> str:
    """Return what every copy's name of that day begins with."""
    return f"{moment:%Y/%m/%d}"


def written(received_at: datetime, inlet: str, body: bytes) -> bytes:
    """Write a copy: JSON goes in as it came, what is none as text, or base64 of bytes."""
    about = {"received_at": write_moment(received_at), "inlet": inlet}
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        coded = base64.b64encode(body).decode()
        return json.dumps({**about, "encoding": "base64", "body": coded}).encode()
    try:
        check_json(load_json(body, limit=len(body)))
    except MalformedEvent:
        return json.dumps({**about, "encoding": "text", "body": text}).encode()
    head = json.dumps({**about, "encoding": "json"})
    return f'{head[:-1]}, "body": {text}}}'.encode()


async def forget(night: Night) -> tuple[int, bool]:
    """Delete copies older than the retention, oldest first, for as long as a tick has.

    Returns:
        How many were deleted, and whether all were.
    """
    if not night.settings.archive_days:
        return 0, True
    clock, deleted = night.ports.clock, 0
    start = clock.now()
    oldest = day_of(start - timedelta(days=night.settings.archive_days))
    while clock.now() < start + night.settings.plan_budget:
        count = await night.ports.records.forget_archive(before=oldest, limit=AT_ONCE)
        deleted += count
        if count < AT_ONCE:
            return deleted, True
    return deleted, False
