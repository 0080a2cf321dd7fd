"""The two ledgers that must behave alike: the fake one, and tables on Azurite."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.core import ledger as laws
from shared.core.plans import Mode, Plan, StepRecord, plan_id
from shared.core.steps import Step, Verb
from shared.ports import Ledger, StoredPlan
from tests.fakes.ledger import FakeClock, FakeLedger

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
Build = Callable[..., Plan]


async def opened(ledger: Ledger, plan) -> StoredPlan:
    """Open a plan at its target's present head."""
    view = await ledger.look(plan.target, [])
    return await ledger.open(plan, view.head)


async def closed(ledger: Ledger, plan, clock: FakeClock) -> StoredPlan:
    """Open a plan and close it."""
    stored = await opened(ledger, plan)
    return await ledger.save(stored, laws.close(plan, now=clock.now()))


@pytest.fixture
def clock() -> FakeClock:
    """A clock at eight in the morning, UTC."""
    return FakeClock(NOW)


@pytest.fixture(params=["fake", "tables"])
def ledger(request: pytest.FixtureRequest, clock: FakeClock) -> Ledger:
    """An empty ledger; the real one in tables of its own."""
    if request.param == "fake":
        return FakeLedger(clock)
    account: Storage = request.getfixturevalue("storage")
    return TableLedger(account, clock, f"T{uuid.uuid4().hex[:16]}")


@pytest.fixture
def build(clock: FakeClock) -> Build:
    """Make a plan; each call another event, on a machine of its own unless one is named."""
    numbers = itertools.count(1)

    def make(*, target: str = "", event: str = "", rule: str = "drain", **fields) -> Plan:
        number = next(numbers)
        target = target or f"{VM}{number}"
        event = event or f"event {number}"
        values = {
            "id": plan_id(rule, event, target),
            "rule": rule,
            "rule_hash": "abc",
            "remediation": "drain_node",
            "mode": Mode.AUTO,
            "target": target,
            "signal": {"type": "vm.preempt", "event_id": event, "target": target},
            "steps": (StepRecord(Step(Verb.CORDON, target)),),
            "created_at": clock.now(),
        }
        return Plan(**{**values, **fields})

    return make
