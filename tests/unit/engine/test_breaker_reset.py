"""A person resets a breaker: it looks again first, and drops what is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.terms import Breaker, LimitScope
from shared.engine.breaker_reset import Reset, open_breakers, reset_breaker
from shared.engine.pausing import Person
from tests.builders import GROUP, MINUTE, SECOND, a_degradation, a_rule, canceled
from tests.shift import Shift

KEY = "breaker|rule|snapshot-and-redeploy"
BREAKER = Breaker(LimitScope.RULE, 10 * MINUTE, 3, None, 5, 10 * MINUTE, timedelta(0))
ADA = Person("ada@example.com", is_verified=True)


def vm(number: int) -> str:
    """Name a machine."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-{number}"


@pytest.fixture
def shift() -> Shift:
    """Begin after a storm over four machines; two plans were opened before it was one."""
    begun = Shift.begin(a_rule("snapshot_and_redeploy", terms={"breaker": BREAKER}))
    for number in range(4):
        begun.with_machine(vm(number), f"os-{number}", is_quiet=False)
        begun.deliver(signal(number))
    return begun


def signal(number: int):
    """Make the event of one machine."""
    return a_degradation(target=vm(number), event_id=f"h-{number}")


def reset(shift: Shift, *, is_dry_run: bool = False, key: str = KEY) -> Reset:
    """Reset the breaker as Ada."""
    return shift.invoke(
        reset_breaker(shift.night, key, who=ADA, request_id="r-1", is_dry_run=is_dry_run)
    )


def breakers(shift: Shift) -> list[str]:
    """List what is open."""
    return [one["breaker"] for one in shift.invoke(open_breakers(shift.night))]


def test_an_open_breaker_is_listed(shift: Shift):
    """With what failed and since when."""
    [one] = shift.invoke(open_breakers(shift.night))
    assert (KEY, 3, 4) == (one["breaker"], one["threshold"], len(one["failed"]))


def test_what_still_fails_keeps_it_open(shift: Shift):
    """Every machine is degraded as before."""
    found = reset(shift)
    assert (4, (), False) == (len(found.still_failing), found.dropped, found.is_closed)
    assert [KEY] == breakers(shift)


def test_what_is_over_is_dropped_and_it_closes(shift: Shift):
    """Two incidents were resolved and one machine is gone."""
    for number in (0, 1):
        shift.deliver(canceled(signal(number)))
    del shift.world.compute.machines_by_id[vm(2).casefold()]
    found = reset(shift)
    assert ((vm(3).casefold(),), 3, True) == (
        found.still_failing,
        len(found.dropped),
        found.is_closed,
    )
    assert [] == breakers(shift)


def test_a_dry_run_shows_it_and_changes_nothing(shift: Shift):
    """Look first."""
    for number in range(4):
        shift.deliver(canceled(signal(number)))
    found = reset(shift, is_dry_run=True)
    assert (True, True) == (found.is_closed, found.is_dry_run)
    assert [KEY] == breakers(shift)
    assert () == shift.records("reset-r-1")


def test_what_cannot_be_read_fails_still(shift: Shift):
    """Nobody closes a breaker on not knowing."""
    away = ProviderUnavailable("the resource manager is away", after=SECOND)
    with shift.raising("read disks", away, times=99):
        found = reset(shift)
    assert (4, False) == (len(found.still_failing), found.is_closed)


def test_who_reset_it_is_recorded(shift: Shift):
    """With what it came to."""
    reset(shift)
    [record] = shift.records("reset-r-1")
    [said] = record.decisions
    assert "breaker_still_open" == said["reason"]
    assert "ada@example.com" in said["detail"]


def test_a_breaker_that_is_not_open_is_refused_with_those_that_are(shift: Shift):
    """A typo must not look like a success."""
    with pytest.raises(InvalidTarget, match=r"breaker\|rule\|snapshot-and-redeploy"):
        reset(shift, key="breaker|rule|other")
