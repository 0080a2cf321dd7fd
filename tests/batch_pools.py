"""Batch pools for tests: an idle one of a fixed size, and what a survey says of it."""

from __future__ import annotations

from typing import Any

from shared.core.signals import Signal, SignalType
from tests.builders import ACCOUNT, NOW, a_resource
from tests.fakes.cloud import FakeNodePool, FakePoolNode
from tests.shift import Shift

POOL = f"{ACCOUNT}/pools/gpu"


def with_idle_pool(shift: Shift) -> FakeNodePool:
    """Put a pool of two idle nodes into the world."""
    shift.world.resources.add(a_resource(ACCOUNT))
    shift.world.batch.accounts.setdefault(ACCOUNT.casefold(), {})
    return shift.world.batch_nodes.add(
        ACCOUNT, "gpu", FakePoolNode("n-1"), FakePoolNode("n-2")
    )


def a_found_pool(**fields: Any) -> Signal:
    """Make the finding that a pool has nodes by hand."""
    values: dict[str, Any] = {
        "type": SignalType.BATCH_FOUND,
        "event_id": "s-1",
        "source": "survey",
        "target": POOL,
        "observed_at": NOW,
        "attributes": {"finding": "pool_of_fixed_size"},
    }
    return Signal(**(values | fields))
