"""A context whose every count is known: places from its target, tallies given or empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.core.contexts import Context
from shared.core.places import places
from shared.core.plans import plan_id
from shared.core.reservations import tally_keys
from shared.core.tallies import Entry, Tally, event_token, fold
from shared.core.terms import Breaker, LimitScope
from tests.builders import HOUR, MINUTE, NOW, SCALE_SET, a_context, a_degradation, a_resource
from tests.builders import instance as machine

POOL = fold(SCALE_SET)
PLANS_ON_POOL = f"plans|pool|{POOL}"
FAILURES_OF_POOL = f"breaker|pool|{POOL}"
OWN = machine(1)


def counted(*tallies: Tally, **fields: Any) -> Context:
    """Make a degraded machine's context; what is counted is what is given, else nothing."""
    values: dict[str, Any] = {
        "rule": "repair",
        "rule_hash": "abc",
        "signal": a_degradation(target=OWN),
        **fields,
    }
    signal = values["signal"]
    resource = replace(a_resource(signal.target), pool=SCALE_SET, zone="1")
    context = a_context(
        **{
            "plan_id": plan_id(values["rule"], signal.event_id, signal.target),
            "keys": places(values["rule"], signal.target, resource),
            "pool_size": 100,
            **values,
        }
    )
    if "tallies" in fields:
        return context
    read = {key: Tally(key) for key in tally_keys(context)}
    return replace(context, tallies={**read, **{one.key: one for one in tallies}})


def begun(number: int, ago: timedelta = timedelta(0), **fields: Any) -> Entry:
    """Write down a plan of another event on an instance of the scale set."""
    values = {"token": f"plan-{number}", "target": fold(machine(number)), "at": NOW - ago}
    return Entry(**{**values, **fields})


def ended(number: int, outcome: str, ago: timedelta = MINUTE, **fields: Any) -> Entry:
    """Write down a plan that took a minute."""
    values = {"rule": "repair", "ended_at": NOW - ago, "outcome": outcome, **fields}
    return begun(number, ago + MINUTE, **values)


def failed(number: int, ago: timedelta = timedelta(0), **fields: Any) -> Entry:
    """Write down that an instance failed."""
    target = fold(machine(number))
    return Entry(event_token(f"e-{number}", target), target, NOW - ago, **fields)


def a_breaker(**fields: Any) -> Breaker:
    """Make a breaker that opens at five of a pool in ten minutes."""
    values: dict[str, Any] = {
        "scope": LimitScope.POOL,
        "within": 10 * MINUTE,
        "count": 5,
        "percent": None,
        "small_pool": 5,
        "wait": 15 * MINUTE,
        "young": HOUR,
    }
    return Breaker(**{**values, **fields})


def pool_tally(*entries: Entry) -> Tally:
    """Count plans on the scale set."""
    return Tally(PLANS_ON_POOL, entries)


def storm_tally(*entries: Entry, tripped_at: datetime | None = None, **fields: Any) -> Tally:
    """Count failures of the scale set."""
    return Tally(FAILURES_OF_POOL, entries, tripped_at=tripped_at, **fields)
