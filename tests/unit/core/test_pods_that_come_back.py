"""A pod that tolerates a cordon comes back to the node it was evicted from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.adapters import nodes
from shared.core.pods import came_after
from tests.builders import NOW, SECOND, a_pod

STAMP = "2030-01-01T03:00:00Z"


@pytest.mark.parametrize(
    ("created", "tolerates", "is_left"),
    [
        (SECOND, True, True),
        (SECOND, False, False),
        (-SECOND, True, False),
        (timedelta(0), True, False),
    ],
)
def test_only_what_came_in_spite_of_the_cordon_is_left(
    created: timedelta, tolerates: bool, is_left: bool
) -> None:
    """What slipped in while the node was cordoned goes; what was there goes once."""
    pod = a_pod(created_at=NOW + created, tolerates_cordon=tolerates)
    assert is_left is came_after(pod, NOW)


def test_a_pod_that_does_not_say_when_it_came_is_asked_to_leave() -> None:
    """And before the drain has begun nobody came after it."""
    assert not came_after(a_pod(tolerates_cordon=True), NOW)
    assert not came_after(a_pod(tolerates_cordon=True, created_at=NOW + SECOND), None)


@pytest.mark.parametrize(
    ("toleration", "is_one"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "node.kubernetes.io/not-ready", "operator": "Exists"}, False),
    ],
)
def test_who_tolerates_everything_tolerates_a_cordon(
    toleration: dict[str, str], is_one: bool
) -> None:
    """The scheduler takes a cordon for one more taint."""
    pod = nodes.pod_fact(
        {"metadata": {"creationTimestamp": STAMP}, "spec": {"tolerations": [toleration]}}
    )
    assert (is_one, NOW) == (pod.tolerates_cordon, pod.created_at)
