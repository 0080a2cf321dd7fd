"""The app's storage: what must be there, what must be empty, and whose clock is right."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from shared.core.durations import format_duration
from shared.core.findings import Finding, Verdict
from shared.core.settings import Settings
from shared.core.wire import write_moment
from shared.engine.checkup.asked import Asked
from shared.engine.night import Night
from shared.ports.upkeep import Contents

TABLES = (
    "NightshiftPlans",
    "NightshiftOpen",
    "NightshiftClosed",
    "NightshiftEvents",
    "NightshiftOutbox",
    "NightshiftTallies",
    "NightshiftControls",
)
QUEUES = ("platform-events", "plans")
CONTAINERS = ("nightshift-records", "nightshift-quarantine", "nightshift-archive")
QUARANTINE = "nightshift-quarantine"
POISON = "-poison"
MOST_COUNTED = 1000
WAITS = 1000
"""Messages in a queue from which on it is not being emptied as fast as it fills."""
SKEW = timedelta(seconds=2)
"""What leases allow two instances' clocks to differ by (docs/LIMITS.md)."""


def account_name(settings: Settings) -> str:
    """Name the storage account, whichever way it is given; never its key."""
    if settings.storage_account or settings.storage_blob_uri:
        host = settings.storage_blob_uri.partition("://")[2]
        return settings.storage_account or host.partition(".")[0]
    parts = (part.partition("=") for part in settings.storage.split(";"))
    return next((value for name, _, value in parts if name == "AccountName"), "")


def _command(night: Night, what: str) -> str:
    name = account_name(night.settings) or "ACCOUNT"
    return f"az storage {what} --account-name {name} --auth-mode login"


async def tables(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """See that the identity reaches the tables, and which of them are there.

    They are made by the first call that misses one, so that one not there yet is no fault.
    """
    found = await night.ports.upkeep.premises.tables()
    missing = [name for name in TABLES if name not in found]
    if missing:
        said = f"reachable; not there before they are needed: {', '.join(missing)}"
        return [Finding("tables", Verdict.OK, said)]
    return [Finding("tables", Verdict.OK, f"the ledger's {len(TABLES)} tables are there")]


async def queues(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Count what waits, and what failed every time."""
    names = [*QUEUES, *(f"{name}{POISON}" for name in QUEUES)]
    premises = night.ports.upkeep.premises
    found = await asyncio.gather(*(premises.queue(name) for name in names))
    return [_queue(night, name, one) for name, one in zip(names, found, strict=True)]


def _queue(night: Night, name: str, found: Contents) -> Finding:
    is_poison = name.endswith(POISON)
    if found.count is None:
        said = f"queue {name} is not there"
        if is_poison:  # the host makes it for the first message that failed
            return Finding("queues", Verdict.OK, f"{said}: nothing ever failed", about=name)
        advice = _command(night, f"queue create -n {name}")
        return Finding("queues", Verdict.FAILED, said, about=name, advice=advice)
    waiting = f"{found.count} messages wait in {name}"
    if is_poison and found.count:
        advice = (
            f"its function should keep them in {QUARANTINE}: see whether "
            f"{_reader(name)} runs, then docs/OPERATIONS.md#quarantine-and-poison"
        )
        return Finding("queues", Verdict.FAILED, waiting, about=name, advice=advice)
    if found.count >= WAITS:
        advice = f"see whether {_reader(name)} runs and what it logs; more instances help"
        return Finding("queues", Verdict.FAILED, waiting, about=name, advice=advice)
    return Finding("queues", Verdict.OK, waiting, about=name)


def _reader(queue: str) -> str:
    name = queue.removesuffix(POISON)
    function = {"plans": "carry_out_plan", "platform-events": "on_platform_event"}[name]
    return f"{function}_poison" if queue.endswith(POISON) else function


async def containers(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """See that nobody reads the app's blobs without a token, and what is in quarantine."""
    premises = night.ports.upkeep.premises
    counts = [MOST_COUNTED if name == QUARANTINE else 1 for name in CONTAINERS]
    found = await asyncio.gather(
        *(
            premises.container(name, limit=n)
            for name, n in zip(CONTAINERS, counts, strict=True)
        )
    )
    pairs = zip(CONTAINERS, found, strict=True)
    return [_container(night, name, one) for name, one in pairs]


def _container(night: Night, name: str, found: Contents) -> Finding:
    if found.count is None:
        said = f"container {name} is not there yet; made when first needed"
        return Finding("containers", Verdict.OK, said, about=name)
    if found.is_public:
        change = f"container set-permission -n {name} --public-access off"
        advice = _command(night, change)
        said = f"anybody may read container {name} without a token"
        return Finding("containers", Verdict.FAILED, said, about=name, advice=advice)
    if name == QUARANTINE and found.count:
        return Finding(
            "containers",
            Verdict.NOTE,
            f"{_many(found)} in quarantine, the oldest since {write_moment(found.oldest)}",
            about=name,
            advice="read each blob's metadata `why`: docs/OPERATIONS.md#quarantine-and-poison",
        )
    return Finding("containers", Verdict.OK, f"container {name} is private", about=name)


def _many(found: Contents) -> str:
    return f"{found.count}{' or more' if found.count == MOST_COUNTED else ''} blobs"


async def dead_letters(night: Night, asked: Asked) -> list[Finding]:
    """Count what Event Grid could not deliver, where its subscriptions put it."""
    if not asked.dead_letters:
        said = "not looked at: only the event subscriptions know the container"
        advice = "give the app's ARM id: nightshift doctor --app-id ID"
        return [Finding("dead_letters", Verdict.OFF, said, advice=advice)]
    premises = night.ports.upkeep.premises
    found = await asyncio.gather(
        *(premises.container(one, limit=MOST_COUNTED) for one in asked.dead_letters)
    )
    pairs = zip(asked.dead_letters, found, strict=True)
    return [_letters(night, name, one) for name, one in pairs]


def _letters(night: Night, name: str, found: Contents) -> Finding:
    if found.count is None:
        said = f"the dead-letter container {name} is not there: what fails is lost"
        advice = _command(night, f"container create -n {name}")
        return Finding("dead_letters", Verdict.FAILED, said, about=name, advice=advice)
    if not found.count:
        said = "Event Grid has given up on no event"
        return Finding("dead_letters", Verdict.OK, said, about=name)
    return Finding(
        "dead_letters",
        Verdict.FAILED,
        f"{_many(found)} of events that Event Grid gave up on, the oldest since "
        f"{write_moment(found.oldest)}",
        about=name,
        advice=(
            "read deadLetterReason and lastDeliveryOutcome in them: "
            f"{_command(night, f'blob list -c {name} -o table')}; mend the cause, send what "
            "still matters again, delete them (docs/DOCTOR.md#dead-letters)"
        ),
    )


async def clock(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Compare the instance's clock with storage's, whose answers have whole seconds."""
    ahead = await night.ports.upkeep.premises.clock_ahead()
    apart = abs(ahead)
    said = f"storage's clock and ours are {apart.total_seconds():.1f} s apart"
    if apart > SKEW + timedelta(seconds=1):
        advice = (
            f"leases allow {format_duration(SKEW)}: restart the app, which moves it to "
            "another machine: az functionapp restart -g GROUP -n APP"
        )
        return [Finding("clock", Verdict.FAILED, said, advice=advice)]
    return [Finding("clock", Verdict.OK, said)]
