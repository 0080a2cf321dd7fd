"""Locks as ARM writes them, and the scopes at which one may lie."""

from __future__ import annotations

import pytest

from shared.adapters.locks import lock_of, scopes_above
from shared.core.protection import Lock, LockLevel
from shared.core.resource_ids import ResourceId
from tests.builders import COMPUTE, GROUP, SCALE_SET, SUBSCRIPTION, VM, WORKSPACE, instance


@pytest.mark.parametrize(
    ("target", "own"),
    [(VM, [VM]), (instance(29), [instance(29), SCALE_SET]), (COMPUTE, [COMPUTE, WORKSPACE])],
)
def test_every_scope_that_could_hold_a_lock_is_asked(target: str, own: list[str]):
    """Innermost first; nothing beside them."""
    above = [GROUP, f"/subscriptions/{SUBSCRIPTION}"]
    assert [*own, *above] == list(scopes_above(ResourceId.parse(target)))


def document(level: object, scope: str = VM) -> dict:
    """Write a lock as ARM lists it."""
    name = "/providers/microsoft.authorization/locks/month-end"
    return {"id": f"{scope}{name}", "properties": {"level": level, "notes": "ask Ada"}}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("ReadOnly", LockLevel.READ_ONLY),
        ("readonly", LockLevel.READ_ONLY),
        ("CanNotDelete", LockLevel.CAN_NOT_DELETE),
        ("NotSpecified", LockLevel.CAN_NOT_DELETE),
        ("Frozen", LockLevel.READ_ONLY),
        (None, LockLevel.READ_ONLY),
    ],
)
def test_a_lock_is_read_and_an_unknown_level_is_the_strictest(level, expected):
    """A level that Azure invents tomorrow forbids until somebody knows better."""
    assert Lock("month-end", expected, VM, "ask Ada") == lock_of(document(level))


def test_what_is_no_lock_is_none():
    """A list holds nothing else; if it does, that is no lock."""
    assert lock_of({"id": VM}) is None
    assert lock_of({}) is None
