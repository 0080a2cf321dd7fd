"""Which forwarders have been silent for too long, and are not simply gone.

A machine that was deleted or stopped says nothing either. So each silent one is looked at
in Azure, as far as that can be done in a look: what is gone leaves the roll.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from shared.core.beats import Beat
from shared.core.durations import format_duration
from shared.core.errors import AutomationError
from shared.core.findings import Finding, Verdict
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.engine.checkup.asked import Asked
from shared.engine.night import Night

MOST_LOOKED_AT = 50
AT_ONCE = 8
SHOWN = 20
AHEAD = timedelta(minutes=2)
_LOG = "journalctl -u nightshift-forwarder on the machine"


@dataclass(frozen=True, slots=True)
class _Silent:
    beat: Beat
    is_gone: bool = False
    is_unread: bool = False


async def forwarders(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Look at the roll: who is silent, whose spool is filling, whose clock is wrong."""
    store = night.ports.upkeep.forwarders
    now = night.ports.clock.now()
    page = await store.roll(limit=SHOWN * 10)
    if not page.beats:
        said = "no forwarder was ever heard"
        advice = (
            "none is needed for Event Grid's own notices; to install them: docs/FORWARDER.md"
        )
        return [Finding("forwarders", Verdict.OFF, said, advice=advice)]
    silent = await _looked_at(night, await store.silent(now, limit=MOST_LOOKED_AT))
    gone = [one.beat.machine for one in silent if one.is_gone]
    if gone:
        await store.drop(gone)
    left = [one for one in silent if not one.is_gone]
    heard = [one for one in page.beats if one.silent_from >= now]
    found = _silence(night, left)
    found += _troubled(heard)
    if not found:
        many = f"{len(page.beats)}{' or more' if page.next else ''}"
        last = max(one.heard_at for one in page.beats)
        ago = format_duration(timedelta(seconds=int((now - last).total_seconds())))
        said = f"{many} on the roll, none silent; the last heartbeat came {ago} ago"
        found = [Finding("forwarders", Verdict.OK, said)]
    if gone:
        said = f"{len(gone)} machines are gone and were taken off the roll"
        found.append(Finding("forwarders", Verdict.NOTE, said, "gone", items=tuple(gone)))
    return found


async def _looked_at(night: Night, silent: tuple[Beat, ...]) -> list[_Silent]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(beat: Beat) -> _Silent:
        async with gate:
            try:
                return _Silent(beat, is_gone=not await _runs(night, beat.machine))
            except AutomationError:
                return _Silent(beat, is_unread=True)

    return list(await asyncio.gather(*(one(beat) for beat in silent)))


async def _runs(night: Night, machine: str) -> bool:
    """Tell whether a machine is there, and as far as one read shows, running."""
    if ResourceId.parse(machine).type == SCALE_SET_VM:
        return await night.ports.resources.resource(machine) is not None
    found = await night.ports.compute.machine(machine)
    return found is not None and found.power not in {"deallocated", "stopped"}


def _silence(night: Night, left: list[_Silent]) -> list[Finding]:
    if not left:
        return []
    now = night.ports.clock.now()
    lines = tuple(
        f"{one.beat.machine}: silent for {_minutes(now - one.beat.heard_at)}, says so every "
        f"{format_duration(one.beat.every)}{'; could not be read in Azure' * one.is_unread}"
        for one in left[:SHOWN]
    )
    more = " or more" if len(left) == MOST_LOOKED_AT else ""
    said = (
        f"{len(left)}{more} forwarders are silent and their machines are not known to be gone"
    )
    advice = (
        f"{_LOG}; is it running (systemctl status nightshift-forwarder), may its identity "
        "send (role EventGrid Data Sender on the topic), is the topic subscribed for "
        "Nightshift.Forwarder.Heartbeat (docs/FORWARDER.md#heartbeats)"
    )
    return [Finding("forwarders", Verdict.FAILED, said, "silent", advice, lines)]


def _minutes(span: timedelta) -> str:
    return format_duration(timedelta(minutes=int(span.total_seconds() // 60)))


def _troubled(heard: list[Beat]) -> list[Finding]:
    """Find those that are heard and say themselves that something is wrong."""
    found = []
    lost = tuple(f"{one.machine}: {one.lost} events lost" for one in heard if one.lost)
    if lost:
        advice = f"the topic was away for long, or the disk is full: {_LOG}"
        said = f"{len(lost)} forwarders had no room left in their spool"
        found.append(
            Finding("forwarders", Verdict.FAILED, said, "spool", advice, lost[:SHOWN])
        )
    blind = tuple(
        f"{one.machine}: {one.failing} looks failed"
        for one in heard
        if one.failing >= 60  # noqa: PLR2004 - a minute of looks
    )
    if blind:
        said = f"{len(blind)} forwarders cannot read their machine's endpoint"
        advice = f"no notice is seen there: curl -H Metadata:true 169.254.169.254 and {_LOG}"
        found.append(
            Finding("forwarders", Verdict.FAILED, said, "endpoint", advice, blind[:SHOWN])
        )
    fast = tuple(
        f"{one.machine}: {format_duration(one.sent_at - one.heard_at)} ahead"
        for one in heard
        if one.sent_at - one.heard_at > AHEAD
    )
    if fast:
        said = f"{len(fast)} machines have a clock that is ahead"
        advice = "deadlines seem nearer than they are: see chronyc tracking on the machine"
        found.append(
            Finding("forwarders", Verdict.FAILED, said, "clock", advice, fast[:SHOWN])
        )
    return found
