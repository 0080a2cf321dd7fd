"""Questions to people in memory, with the same trap as the ledger's."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace

from shared.core.approvals import Approval
from shared.core.approvals_json import approval_from_json, approval_to_json
from shared.core.errors import StaleFacts
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeApprovals:
    """Every question there ever was, by id, with the number of its version.

    Attributes:
        listed: Ids that may be unsettled: one too many after a crash, never one too few.
    """

    trap: Trap = no_trap
    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)

    async def ask(self, approval: Approval) -> Approval:
        """Store a question, unless there is one of that id."""
        text = json.dumps(approval_to_json(approval))
        await asyncio.sleep(0)
        if approval.id in self.rows:
            return self._at(approval.id)
        self.trap("before ask")
        self.listed.add(approval.id)
        self.trap("after list")
        self.rows.setdefault(approval.id, (text, 1))
        self.trap("after ask")
        return self._at(approval.id)

    async def find(self, approval_id: str) -> Approval | None:
        """Return a question, whatever its state."""
        await asyncio.sleep(0)
        self.trap("read approval")
        return self._at(approval_id) if approval_id in self.rows else None

    async def save(self, approval: Approval) -> Approval:
        """Replace a question that is still at its version."""
        text = json.dumps(approval_to_json(approval))
        await asyncio.sleep(0)
        self.trap("before save_approval")
        _, version = self.rows.get(approval.id, ("", 0))
        if approval.etag != str(version):
            raise StaleFacts(f"approval {approval.id} has changed")
        self.rows[approval.id] = (text, version + 1)
        self.trap("after save_approval")
        if approval.is_settled:
            self.listed.discard(approval.id)
        return replace(approval, etag=str(version + 1))

    async def unsettled(self) -> tuple[Approval, ...]:
        """Return what is not settled, oldest first."""
        await asyncio.sleep(0)
        self.trap("read unsettled")
        known = [self._at(name) for name in self.listed if name in self.rows]
        waiting = [one for one in known if not one.is_settled]
        return tuple(sorted(waiting, key=lambda one: (one.asked_at, one.id)))

    def every(self) -> list[Approval]:
        """Return every question, in the order in which they were asked."""
        return [self._at(name) for name in self.rows]

    async def about(self, plan_id: str) -> tuple[Approval, ...]:
        """Return what is not settled about one plan."""
        return tuple(one for one in await self.unsettled() if one.plan_id == plan_id)

    def _at(self, approval_id: str) -> Approval:
        text, version = self.rows[approval_id]
        return approval_from_json(json.loads(text), etag=str(version))
