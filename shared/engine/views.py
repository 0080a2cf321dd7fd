"""What people read of one event: every phase, every decision, every plan."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.core.wire import plan_view, write_moment
from shared.engine.night import Night


async def event_view(night: Night, event_id: str) -> dict[str, Any] | None:
    """Gather an event's records and the plans they name; None if it was never heard."""
    records = await night.ports.ledger.find_event(event_id)
    if not records:
        return None
    names = {
        str(decision.get("plan") or "")
        for record in records
        for decision in record.decisions
        if decision.get("kind") == "act" or decision.get("reason") == "duplicate"
    } - {""}
    stored = await asyncio.gather(*(night.ports.ledger.find(name) for name in sorted(names)))
    return {
        "event_id": event_id,
        "records": [
            {
                "phase": record.phase,
                "target": record.target,
                "recorded_at": write_moment(record.recorded_at),
                "signal": dict(record.signal),
                "decisions": [dict(decision) for decision in record.decisions],
            }
            for record in records
        ],
        "plans": [plan_view(found.plan) for found in stored if found is not None],
    }
