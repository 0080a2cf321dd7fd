"""Heartbeats come in with the notices, and leave nothing behind but the roll.

They are no events: no rule is asked, no record and no copy is kept of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from shared.core.beats import KEPT, Beat, is_beat, read_beat
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, load_json
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.ports.upkeep import Roll

LONGEST = 64 * 1024
"""Bytes of a delivery in which beats are looked for; one has less than a thousand."""
FORGOTTEN_AT_ONCE = 200


async def heard_beats(night: Night, body: bytes) -> bool:
    """Note the beats of a delivery, if it holds nothing else; tell whether that was so.

    What says that it is a beat and cannot be read as one is left to the parsers, who do
    not know its type either: it is recorded, and nobody answers it.

    Raises:
        RetryLater: The roll cannot be written; the sender sends again.
    """
    if b"Nightshift.Forwarder." not in body or len(body) > LONGEST:
        return False
    now = night.ports.clock.now()
    try:
        value = load_json(body, limit=LONGEST)
        check_json(value)
        events: list[Any] = value if isinstance(value, list) else [value]
        if not events or not all(is_beat(one) for one in events):
            return False
        beats = [read_beat(one, now) for one in events]
    except MalformedEvent:
        return False
    await asyncio.gather(*(night.ports.upkeep.forwarders.note(one) for one in beats))
    return True


async def forget_silent(night: Night) -> int:
    """Take machines off the roll that have said nothing for long; tell how many."""
    store, now = night.ports.upkeep.forwarders, night.ports.clock.now()
    old = await store.silent(now - KEPT, limit=FORGOTTEN_AT_ONCE)
    await store.drop([one.machine for one in old])
    return len(old)


def roll_view(night: Night, page: Roll) -> dict[str, Any]:
    """Write a page of the roll."""
    now = night.ports.clock.now()
    return {
        "forwarders": [beat_view(one, is_silent=one.silent_from < now) for one in page.beats],
        "next": page.next or None,
    }


def beat_view(beat: Beat, *, is_silent: bool) -> dict[str, Any]:
    """Write one forwarder's last word."""
    return {
        "machine": beat.machine,
        "state": "silent" if is_silent else "heard",
        "heard_at": write_moment(beat.heard_at),
        "silent_from": write_moment(beat.silent_from),
        "every_seconds": int(beat.every.total_seconds()),
        "version": beat.version,
        "waiting": beat.waiting,
        "lost": beat.lost,
        "failing": beat.failing,
    }
