"""What one hearing of a signal came to, as the ledger keeps it: each decision with facts.

So that a replay can decide on the same facts. Facts that several rules share are
written once; those that would not fit a row are left out and say so, rather than
being cut to something that nobody observed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.facts import Facts
from shared.core.facts_json import facts_to_json, without_secrets
from shared.core.plans import plan_id
from shared.core.signals import Signal
from shared.core.wire import signal_to_json
from shared.engine.night import Night
from shared.engine.request import Answer, Request
from shared.engine.rulings import Ruling
from shared.ports import EventRecord

BRIEF = ("rule", "remediation", "plan", "kind", "reason")

FACTS_MOST = 120_000
"""Characters of all facts in one record; a row holds about 500,000, with the steps."""


def recorded(rulings: Sequence[Ruling]) -> tuple[dict[str, Any], ...]:
    """Write rulings for the event's record."""
    written: list[dict[str, Any]] = []
    homes: dict[int, int] = {}
    left = FACTS_MOST
    for at, ruling in enumerate(rulings):
        shown = ruling.to_json()
        if ruling.observed is not None:
            kind, facts = ruling.observed
            kept, left = _kept(facts, homes, at, left)
            shown["facts"] = {"kind": kind.value, **kept}
        written.append(shown)
    return tuple(written)


def _kept(
    facts: Facts | None, homes: dict[int, int], at: int, left: int
) -> tuple[dict[str, Any], int]:
    """Write facts, or where they are written already; and how much room is left."""
    if facts is None:
        return {"value": None}, left
    if id(facts) in homes:
        return {"same_as": homes[id(facts)]}, left
    homes[id(facts)] = at
    value = facts_to_json(without_secrets(facts))
    size = len(json.dumps(value))
    if size > left:
        return {"too_large": size}, left
    return {"value": value}, left - size


def recorded_facts(
    decisions: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Read which facts a record's decisions were made on: kind and value, each once."""
    for decision in decisions:
        facts = decision.get("facts") or {}
        if "value" in facts:
            yield str(facts["kind"]), facts["value"]


def record_of(
    night: Night, signal: Signal, rulings: Sequence[Ruling], request: Request
) -> EventRecord:
    """Write down what one hearing of a signal came to; each hearing has its own row."""
    return EventRecord(
        event_id=signal.event_id,
        phase=signal.phase.value + request.label,
        target=signal.target,
        recorded_at=night.ports.clock.now(),
        signal=signal_to_json(signal),
        decisions=recorded(rulings),
    )


def spoken(
    topic: str,
    word: str,
    detail: str,
    *,
    event_id: str,
    phase: str,
    at: datetime,
    source: str,
    kind: str = "control",
    target: str = "",
    view: Mapping[str, Any] = MappingProxyType({}),
    plan: tuple[str, str, str] = ("", "", ""),
) -> EventRecord:
    """Write down what somebody said about the app itself, as an event of its own.

    ``kind`` and ``word`` are labels like a decision's kind and reason, so that it is
    exported and found like everything else that happened.

    Args:
        view: What else is shown of it.
        plan: Rule, remediation and plan that it is about, if it is about one.
    """
    labels = dict(zip(("rule", "remediation", "plan"), plan, strict=True))
    return EventRecord(
        event_id=event_id,
        phase=phase,
        target=target,
        recorded_at=at,
        signal={"type": f"{topic}.{word}", "source": source, "event_id": event_id, **view},
        decisions=({**labels, "kind": kind, "reason": word, "detail": detail},),
    )


async def store(night: Night, given: Answer) -> None:
    """Store an answer's record, if it has one.

    One that no row holds is kept whole as a document, and the row names it: an event
    must not come again and again because there is much to say about it.
    """
    if given.record is None:
        return
    try:
        await night.ports.ledger.record_event(given.record)
    except InvalidTarget:
        name = f"events/{plan_id('', given.record.event_id, given.record.target)}.json"
        whole = {
            "signal": dict(given.record.signal),
            "decisions": [dict(d) for d in given.record.decisions],
        }
        await night.ports.records.keep(name, whole)
        brief = tuple(
            {**{k: d.get(k) for k in BRIEF}, "record": name} for d in given.record.decisions
        )
        short = {**given.record.signal, "attributes": {"record": name}}
        await night.ports.ledger.record_event(
            replace(given.record, signal=short, decisions=brief)
        )
