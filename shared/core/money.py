"""What machines cost an hour, and what a month came to. Pure.

Saved is what was seen: a machine that a rule of ours switched off is off at one look and
at the next, and the time between counts at its list price. Nothing is foretold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.core.facts import MachineFacts
from shared.core.moments import read_moment, write_moment

LOOK_AT_MOST = timedelta(hours=1)
"""Time between two looks that counts at most: what happened in a gap nobody saw."""
TAKEN_FOR = timedelta(hours=2)
"""A machine found off so long after a plan of ours is taken to be off because of it."""
BY_OTHERS = ""
OFF = frozenset({"deallocated"})


@dataclass(frozen=True, slots=True)
class PriceTable:
    """List prices by region and size.

    Attributes:
        by_region: Folded region to folded size to the price of an hour.
        dated: Of when the prices are.
    """

    currency: str = ""
    dated: str = ""
    source: str = ""
    by_region: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def hourly(self, size: str, region: str) -> float | None:
        """Return the price of an hour; None if it is not in the table."""
        folded = region.replace(" ", "").casefold()
        return self.by_region.get(folded, {}).get(size.casefold())


def read_prices(document: object) -> PriceTable:
    """Read the file of prices.

    Raises:
        ValueError: Naming the place, what was there and what should be.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"$: was {type(document).__name__}, should be an object")  # noqa: TRY004 - one kind
    regions = document.get("regions")
    if not isinstance(regions, Mapping):
        raise ValueError("$.regions: should be an object of regions")  # noqa: TRY004 - one kind
    by_region: dict[str, dict[str, float]] = {}
    for region, sizes in regions.items():
        if not isinstance(sizes, Mapping):
            raise ValueError(f"$.regions.{region}: should be an object of sizes")  # noqa: TRY004 - one kind
        for size, price in sizes.items():
            if isinstance(price, bool) or not isinstance(price, int | float) or price < 0:
                raise ValueError(f"$.regions.{region}.{size}: {price!r} is no price")
            by_region.setdefault(str(region).casefold(), {})[str(size).casefold()] = price
    told = {name: str(document.get(name) or "") for name in ("currency", "dated", "source")}
    return PriceTable(**told, by_region=by_region)


@dataclass
class Month:
    """What one month came to so far.

    Attributes:
        at: When machines were last looked at.
        off: Folded id of each machine found off to the rule that switched it off, or
            empty if others did.
        saved: By rule and team: hours and money.
        idle: By the reason why an idle machine still runs, and team: hours and money.
        unpriced: Hours, saved or idle, of sizes that the table does not have.
    """

    at: datetime | None = None
    off: dict[str, str] = field(default_factory=dict)
    saved: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    idle: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    unpriced: float = 0.0

    def hours_since(self, now: datetime) -> float:
        """Return the hours that this look stands for."""
        if self.at is None:
            return 0.0
        return max(min(now - self.at, LOOK_AT_MOST), timedelta(0)) / timedelta(hours=1)

    def count(
        self,
        into: dict[tuple[str, str], tuple[float, float]],
        why: str,
        machine: Seen,
        hours: float,
    ) -> None:
        """Count hours of one machine."""
        if machine.hourly is None:
            self.unpriced += hours
        before = into.get((why, machine.team), (0.0, 0.0))
        amount = (machine.hourly or 0.0) * hours
        into[why, machine.team] = (before[0] + hours, before[1] + amount)


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine as one look saw it."""

    id: str
    is_off: bool
    team: str
    hourly: float | None


def seen(machine: MachineFacts, prices: PriceTable, team_tag: str) -> Seen | None:
    """Keep of a machine what money asks of it; None if its state is not known."""
    if machine.power is None:
        return None
    resource = machine.resource
    team = next((v for k, v in resource.tags.items() if k.casefold() == team_tag), "")
    price = prices.hourly(resource.size, resource.location)
    return Seen(resource.id.casefold(), machine.power in OFF, team, price)


def newly_off(month: Month, machines: Iterable[Seen]) -> list[str]:
    """Name the machines that are off and were not at the last look: who did it is asked."""
    return [one.id for one in machines if one.is_off and one.id not in month.off]


def account(
    month: Month,
    machines: Iterable[Seen],
    idle: Mapping[str, str],
    causes: Mapping[str, str],
    now: datetime,
    *,
    is_whole: bool,
) -> None:
    """Count one look.

    Args:
        machines: Those that are off, and those that run and are idle; others need not be
            among them.
        idle: Folded id of each idle machine that runs on, to the reason why.
        causes: For those that are newly off: the rule that did it, or empty.
        is_whole: Whether every machine was seen; one that was not is off as before.
    """
    hours = month.hours_since(now)
    off = {} if is_whole else dict(month.off)
    for one in machines:
        if one.is_off:
            was = month.off.get(one.id)
            off[one.id] = causes.get(one.id, BY_OTHERS) if was is None else was
            if was:
                month.count(month.saved, was, one, hours)
        elif one.id in idle:
            month.count(month.idle, idle[one.id], one, hours)
    month.off, month.at = off, now


def cause(acted: Mapping[str, datetime], now: datetime) -> str:
    """Return the rule that acted last, if that is not long ago."""
    recent = {rule: at for rule, at in acted.items() if now - at <= TAKEN_FOR}
    return max(recent, key=lambda rule: recent[rule]) if recent else BY_OTHERS


def month_to_json(month: Month) -> dict[str, Any]:
    """Write a month for the record."""
    return {
        "at": write_moment(month.at) if month.at else None,
        "off": month.off,
        "saved": [[*key, *value] for key, value in sorted(month.saved.items())],
        "idle": [[*key, *value] for key, value in sorted(month.idle.items())],
        "unpriced": month.unpriced,
    }


def month_from_json(document: Mapping[str, Any]) -> Month:
    """Read a month as ``month_to_json`` wrote it."""
    return Month(
        at=read_moment(str(document.get("at") or "")),
        off={str(k): str(v) for k, v in (document.get("off") or {}).items()},
        saved={(row[0], row[1]): (row[2], row[3]) for row in document.get("saved") or ()},
        idle={(row[0], row[1]): (row[2], row[3]) for row in document.get("idle") or ()},
        unpriced=float(document.get("unpriced") or 0.0),
    )


def month_view(name: str, month: Month, prices: PriceTable) -> dict[str, Any]:
    """Write a month for people: totals first, then each line."""

    def lines(of: Mapping[tuple[str, str], tuple[float, float]], why: str) -> list[Any]:
        return [
            {why: key[0], "team": key[1], "hours": round(hours, 2), "amount": round(amount, 2)}
            for key, (hours, amount) in sorted(of.items())
        ]

    return {
        "month": name,
        "as_of": write_moment(month.at) if month.at else None,
        "currency": prices.currency,
        "prices_dated": prices.dated,
        "saved": round(sum(amount for _, amount in month.saved.values()), 2),
        "running_and_idle": round(sum(amount for _, amount in month.idle.values()), 2),
        "unpriced_hours": round(month.unpriced, 2),
        "saved_by_rule": lines(month.saved, "rule"),
        "idle_by_reason": lines(month.idle, "reason"),
    }
