"""Tell people that a plan was opened and how it closed: an audit sink like any other.

The outbox of the audit remembers what was told of each plan, across crashes and
outages, so nothing else need remember it. Only plans whose rule names a channel.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.core.audit import AuditRecord
from shared.core.audit_tables import EventType
from shared.core.errors import AutomationError
from shared.core.notices import closed, opened
from shared.core.terms import Channel
from shared.ports import Ledger, Notices, Undelivered


class PlanNotices:
    """Implements ``shared.ports.AuditSink`` by posting notices."""

    name = "notices"

    def __init__(self, ledger: Ledger, notices: Notices) -> None:
        """Remember where plans are read and notices are stored."""
        self._ledger = ledger
        self._notices = notices

    def takes(self, record: AuditRecord) -> bool:
        """Take what is told of a plan that somebody wants to hear of."""
        is_told = record.event_type in {EventType.PLAN_OPENED, EventType.PLAN_CLOSED}
        return is_told and bool(record.row.get("Channels"))

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Post a notice for each; those that could not be stored come again."""
        left: list[Undelivered] = []
        for record in records:
            try:
                await self._post(record)
            except AutomationError as error:
                left.append(Undelivered((record,), error))
        return tuple(left)

    async def _post(self, record: AuditRecord) -> None:
        stored = await self._ledger.find(str(record.row["PlanId"]))
        if stored is None:
            return
        plan = stored.plan
        channels = tuple(Channel(name) for name in plan.channels)
        if record.event_type is EventType.PLAN_CLOSED:
            await self._notices.post(closed(plan, channels))
        else:
            await self._notices.post(opened(plan, channels))
