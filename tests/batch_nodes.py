"""Batch nodes for tests: a busy one that a machine is, and broken ones of an account."""

from __future__ import annotations

from typing import Any

from shared.core.signals import Signal, SignalType
from tests.builders import ACCOUNT, NOW, a_resource, instance
from tests.fakes.cloud import FakePoolNode
from tests.shift import Shift

POOL = "gpu"


def with_batch_node(shift: Shift, number: int = 29, *, tasks: int = 0) -> FakePoolNode:
    """Put a machine into the world that is a Batch node."""
    node = FakePoolNode(f"n-{number}", vm=instance(number), tasks=tasks)
    shift.world.resources.add(a_resource(instance(number)))
    shift.world.batch_nodes.add(ACCOUNT, POOL, node)
    return node


def a_broken_node(name: str, **fields: Any) -> FakePoolNode:
    """Make a node that takes no tasks."""
    return FakePoolNode(name, state="unusable", **fields)


def with_broken_node(shift: Shift) -> None:
    """Put an account with a broken node into the world."""
    shift.world.resources.add(a_resource(ACCOUNT))
    shift.world.batch_nodes.add(ACCOUNT, POOL, a_broken_node("n-1"))


def an_unusable_alert(**fields: Any) -> Signal:
    """Make the alert that nodes of an account are unusable."""
    values: dict[str, Any] = {
        "type": SignalType.BATCH_NODES_UNUSABLE,
        "event_id": "a-1",
        "source": "common_alert",
        "target": ACCOUNT,
        "observed_at": NOW,
    }
    return Signal(**{**values, **fields})
