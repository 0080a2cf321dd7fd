"""People hear that a plan was opened and how it closed, once, whatever crashes."""

from __future__ import annotations

import pytest

from shared.core.errors import ProviderUnavailable
from shared.core.terms import Channel
from shared.engine.plan_notices import PlanNotices
from tests.builders import MINUTE, SECOND, VM, a_degradation, a_rule
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """Begin with a rule that tells Teams."""
    rule = a_rule("snapshot_and_redeploy", terms={"notify": (Channel.TEAMS,)})
    begun = Shift.begin(rule)
    begun.with_machine(VM, "os", is_quiet=False)
    begun.with_sinks(PlanNotices(begun.world.ledger, begun.world.notices))
    return begun


def kinds(shift: Shift) -> list[str]:
    """Say what was posted, in order."""
    return [one.kind.value for one in shift.world.notices.posted.values()]


def test_a_plan_is_told_when_it_opens_and_when_it_closes(shift: Shift):
    """Before and after."""
    shift.deliver(a_degradation())
    shift.export()
    assert ["opened"] == kinds(shift)
    shift.run_until_quiet()
    shift.move(10 * MINUTE)
    shift.export()
    assert ["opened", "closed"] == kinds(shift)


def test_a_rule_that_names_no_channel_tells_nobody(shift: Shift):
    """Quiet by default."""
    quiet = Shift.begin(a_rule("snapshot_and_redeploy"))
    quiet.with_machine(VM, "os", is_quiet=False)
    quiet.with_sinks(PlanNotices(quiet.world.ledger, quiet.world.notices))
    quiet.deliver(a_degradation())
    quiet.export()
    assert [] == kinds(quiet)


def test_what_could_not_be_stored_is_told_later(shift: Shift):
    """The audit's outbox remembers it."""
    shift.deliver(a_degradation())
    away = ProviderUnavailable("storage is away", after=SECOND)
    with shift.raising("before post", away, times=99):
        shift.export()
    assert [] == kinds(shift)
    shift.run_until_quiet()
    shift.move(2 * MINUTE)
    shift.export()
    assert ["opened", "closed"] == kinds(shift)
