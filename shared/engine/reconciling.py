"""Reconcile: notices that no event brought, and notices that are gone without a word.

Resource Graph holds every maintenance notice that Event Grid tells of. Each minute they
are read: what was not heard is heard now, and what was there before and is there no more
is over, or was withdrawn, and what was done for it is taken back.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
(the table ``maintenanceresources``)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import AutomationError
from shared.core.moments import write_moment
from shared.core.signals import Phase, Signal
from shared.engine.events import hear
from shared.engine.night import Night
from shared.parsing import parse_events
from shared.parsing.scheduled_events import EVENT_TYPES, GONE

QUERY = (
    "maintenanceresources | where type =~ 'microsoft.maintenance/scheduledevents' "
    "| project id, name, type, location, properties"
)
MISSED_AT_MOST = 3
"""Looks at which a notice may be missing: Resource Graph follows with a delay."""
Row = Mapping[str, Any]


@dataclass
class Reconciled:
    """What one look came to: targets heard of, notices gone, what could not be read."""

    heard: int = 0
    gone: int = 0
    unread: list[str] = field(default_factory=list)


async def reconcile(night: Night) -> Reconciled:
    """Look once, at every subscription; one that cannot be read hides no other."""
    found = Reconciled()
    for subscription in night.settings.subscriptions:
        try:
            await _look(night, subscription, found)
        except AutomationError as error:
            found.unread.append(f"{subscription}: {error}")
    return found


def state_name(subscription: str) -> str:
    """Name the document that remembers a subscription's notices from look to look."""
    return f"notices-{subscription.casefold()}"


async def _look(night: Night, subscription: str, found: Reconciled) -> None:
    graph = night.ports.estate.graph(QUERY, subscription=subscription)
    rows = {str(row.get("name")).casefold(): row async for row in graph}
    name = state_name(subscription)
    document = await night.ports.records.read(name) or {}
    before: Mapping[str, Mapping[str, Any]] = document.get("notices") or {}
    kept: dict[str, dict[str, Any]] = {}
    for key, row in rows.items():
        signals = _signals(night, row, found)
        found.heard += await _hear_new(night, signals)
        if any(not signal.phase.ends for signal in signals):
            kept[key] = {"row": row, "missed": 0}
    for key, entry in before.items():
        if key in rows:
            continue
        missed = int(entry.get("missed") or 0) + 1
        if missed < MISSED_AT_MOST:
            kept[key] = {"row": entry["row"], "missed": missed}
            continue
        found.gone += 1
        await _hear_new(night, _signals(night, _gone(entry["row"]), found))
    if kept != before:
        await night.ports.records.put(name, {"notices": kept})


def _gone(row: Row) -> Row:
    """Write a notice as the forwarder does when its endpoint does not tell of it any more."""
    said = dict(row.get("properties") or {})
    last = said.get("EventStatus")
    return {**row, "properties": {**said, "EventStatus": GONE, "LastStatus": last}}


def _signals(night: Night, row: Row, found: Reconciled) -> list[Signal]:
    """Read a row as the notice that Event Grid would have delivered."""
    event = {
        "id": str(row.get("name")),
        "eventType": EVENT_TYPES[0],
        "topic": "resource_graph",
        "subject": str(row.get("id")),
        "eventTime": write_moment(night.ports.clock.now()),
        "data": {"resourceInfo": dict(row)},
        "dataVersion": "1",
    }
    parsed = parse_events(event)
    wrong = [one.why for one in parsed if not isinstance(one, Signal) and hasattr(one, "why")]
    found.unread.extend(f"{row.get('id')}: {why}" for why in wrong)
    return [one for one in parsed if isinstance(one, Signal)]


async def _hear_new(night: Night, signals: Iterable[Signal]) -> int:
    """Hear what was not heard, in this phase and of this machine; return how many."""
    asked = list(signals)
    if not asked:
        return 0
    records = await night.ports.ledger.find_event(asked[0].event_id)
    known = {(Phase(r.phase.split("+")[0]), r.target.casefold()) for r in records}
    missing = [s for s in asked if (s.phase, s.target.casefold()) not in known]
    if missing:
        await hear(night, missing, budget=night.settings.event_budget)
    return len(missing)
