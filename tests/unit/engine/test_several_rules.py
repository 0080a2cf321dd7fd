"""Several rules on one signal, and requests that look alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.core.decisions import Act, Reason
from shared.core.errors import InvalidSetting
from shared.core.plans import Mode
from tests.builders import VM, a_notice, a_rule
from tests.shift import Shift


def test_a_rule_that_observes_does_not_stand_before_one_that_acts():
    """A person's own rule beside a default one must be able to act."""
    watching = replace(a_rule(), name="watching", mode=Mode.OBSERVE)
    acting = replace(a_rule(), name="acting")
    shift = Shift.begin(watching, acting)
    shift.with_node()

    [given] = shift.deliver(a_notice())

    first, second = given.rulings
    assert ("watching", Reason.OBSERVE_ONLY) == (first.rule, first.decision.reason)
    assert first.draft is not None, "it says what it would have done"
    assert ("acting", Act) == (second.rule, type(second.decision))
    assert "acting" == shift.plan.rule


def test_the_second_rule_that_would_act_is_told_who_did():
    """One plan an event and target: the first rule in order has it."""
    shift = Shift.begin(replace(a_rule(), name="first"), replace(a_rule(), name="second"))
    shift.with_node()

    [given] = shift.deliver(a_notice())

    assert [Reason.OTHER_RULE_ACTED] == [r.decision.reason for r in given.rulings[1:]]
    assert "first" == shift.plan.rule


def test_a_dry_run_does_not_use_its_key_up():
    """Think it through, then do it: the same request but for the dry run."""
    shift = Shift.begin()
    shift.with_machine(VM, "os", is_quiet=False)

    thought = shift.run_book("snapshot_and_redeploy", VM, is_dry_run=True)
    done = shift.run_book("snapshot_and_redeploy", VM)

    assert thought.dry is not None
    assert done.stored is not None
    assert thought.dry.id == done.stored.plan.id


def test_a_key_used_again_for_another_request_is_refused():
    """Answering with the first plan would say yes to what was never done."""
    shift = Shift.begin()
    shift.with_machine(VM, "os", is_quiet=False)
    shift.run_book("snapshot_and_redeploy", VM)

    with pytest.raises(InvalidSetting, match="other settings"):
        shift.run_book("snapshot_and_redeploy", VM, given={"keep": "3d"})


def test_an_event_that_no_row_holds_is_recorded_all_the_same():
    """Too much to say about it is no reason to hear it again and again."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    long = replace(a_notice(), attributes={"words": "x" * 1_200_000}, phase=a_notice().phase)

    shift.deliver(replace(long, is_test=True))

    [record] = shift.records("e-1")
    name = record.decisions[0]["record"]
    assert Reason.TEST_EVENT == record.decisions[0]["reason"]
    kept = asyncio.run(shift.world.records.read(name))
    assert kept is not None
    assert 1_200_000 == len(kept["signal"]["attributes"]["words"])
