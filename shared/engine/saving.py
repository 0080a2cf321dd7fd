"""Money: what each look at the machines says was saved, and what idles still.

One writer, the idle tick, which sees every machine anyway; a month is one document.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.money import (
    Month,
    Seen,
    account,
    cause,
    month_from_json,
    month_to_json,
    month_view,
    newly_off,
)
from shared.engine.night import Night

AT_ONCE = 16


def month_name(now: datetime) -> str:
    """Name the month of a moment (UTC)."""
    return f"{now:%Y-%m}"


def record_name(month: str) -> str:
    """Name the document of a month."""
    return f"money-{month}"


async def note_look(
    night: Night,
    machines: Sequence[Seen],
    idle: Mapping[str, str],
    now: datetime,
    *,
    is_whole: bool,
) -> None:
    """Count one look into its month; a new month begins with who was off in the last."""
    name = month_name(now)
    month = await _read(night, name)
    if month.at is None:
        last = await _read(night, _before(now))
        month.off, month.at = dict(last.off), last.at
    causes = await _causes(night, newly_off(month, machines), now)
    account(month, machines, idle, causes, now, is_whole=is_whole)
    await night.ports.records.put(record_name(name), month_to_json(month))


async def savings(night: Night, month: str) -> dict[str, Any]:
    """Return what a month came to, for people.

    Raises:
        InvalidTarget: Nothing was counted in that month.
    """
    found = await _read(night, month)
    if found.at is None:
        raise InvalidTarget(f"nothing was counted in {month!r}: write a month as 2026-11")
    return month_view(month, found, night.ports.prices.table())


async def _read(night: Night, name: str) -> Month:
    document = await night.ports.records.read(record_name(name))
    return Month() if document is None else month_from_json(document)


def _before(now: datetime) -> str:
    year, month = (now.year - 1, 12) if now.month == 1 else (now.year, now.month - 1)
    return f"{year:04}-{month:02}"


async def _causes(night: Night, targets: Sequence[str], now: datetime) -> dict[str, str]:
    """Ask the ledger which rule acted on machines that are off since the last look."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(target: str) -> tuple[str, str]:
        async with gate:
            view = await night.ports.ledger.look(target, [])
            return target, cause(view.head.acted, now)

    return dict(await asyncio.gather(*(one(target) for target in targets)))
