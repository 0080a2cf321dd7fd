"""What a rule may say beside its condition: strikes, all matches, other terms for some."""

from __future__ import annotations

from dataclasses import replace

from shared.core.pauses import Scope
from shared.core.plans import Mode, PlanOutcome
from shared.core.terms import Channel, Match, Strikes
from tests.builders import HOUR, MINUTE, VM, a_degradation, a_rule
from tests.shift import Shift


def begin(*rules, **tags) -> Shift:
    """Begin with a machine, perhaps tagged."""
    shift = Shift.begin(*rules)
    shift.with_machine(VM, "os", is_quiet=False)
    if tags:
        shift.set_tags(VM, tags)
    return shift


def test_the_third_strike_within_an_hour_counts():
    """Two events say nothing yet."""
    rule = a_rule("snapshot_and_redeploy", terms={"strikes": Strikes(3, HOUR)})
    shift = begin(rule)
    for number in range(3):
        shift.move(10 * MINUTE)
        shift.deliver(a_degradation(event_id=f"h-{number}", observed_at=shift.now))
    reasons = [shift.reasons(f"h-{number}")[-1] for number in range(3)]
    assert ["too_few_strikes", "too_few_strikes", "act"] == reasons


def test_strikes_that_are_far_apart_do_not_add_up():
    """One a day is weather."""
    rule = a_rule("snapshot_and_redeploy", terms={"strikes": Strikes(2, HOUR)})
    shift = begin(rule)
    for number in range(3):
        shift.deliver(a_degradation(event_id=f"h-{number}", observed_at=shift.now))
        shift.move(2 * HOUR)
    assert [] == shift.plans


def test_the_same_event_again_is_the_same_strike():
    """Event Grid delivers at least once."""
    rule = a_rule("snapshot_and_redeploy", terms={"strikes": Strikes(2, HOUR)})
    shift = begin(rule)
    for _ in range(3):
        shift.deliver(a_degradation())
    assert [] == shift.plans


def test_a_rule_that_lets_others_act_is_followed_by_them():
    """One after the other, because one plan at a time works on a target."""
    first = a_rule("snapshot_and_redeploy", name="first", terms={"match": Match.ALL})
    second = a_rule("ask_a_person", name="second", terms={"notify": (Channel.TEAMS,)})
    shift = begin(first, second)
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert [("first", PlanOutcome.DONE), ("second", PlanOutcome.DONE)] == [
        (plan.rule, plan.outcome) for plan in sorted(shift.plans, key=lambda p: p.created_at)
    ]
    assert shift.plans[0].closed_at <= shift.plans[1].created_at


def test_a_rule_that_is_held_lets_the_others_act_all_the_same():
    """It waits for its cooldown; they have nothing to do with that."""
    first = a_rule(
        "snapshot_and_redeploy", name="first", cooldown=HOUR, terms={"match": Match.ALL}
    )
    second = a_rule("ask_a_person", name="second", terms={"notify": (Channel.TEAMS,)})
    shift = begin(first, second)
    shift.deliver(a_degradation(event_id="h-0"))
    shift.run_until_quiet()
    shift.deliver(a_degradation())
    shift.wait(10 * MINUTE)
    mine = [plan.rule for plan in shift.plans if plan.signal["event_id"] == "h-1"]
    assert ["second"] == mine


def test_without_it_the_first_that_acts_is_the_only_one():
    """As it always was."""
    rules = [a_rule("snapshot_and_redeploy", name=name) for name in ("first", "second")]
    shift = begin(*rules)
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ["first"] == [plan.rule for plan in shift.plans]
    assert ["act", "other_rule_acted"] == shift.reasons("h-1")


def test_a_target_with_a_tag_has_terms_of_its_own():
    """The rule acts, and only observes where the tag says production."""
    rule = a_rule("snapshot_and_redeploy")
    careful = replace(rule, mode=Mode.OBSERVE, hash="f" * 16)
    scoped = replace(rule, overrides=((Scope.parse("tag:environment=prod"), careful),))
    assert "observe_only" == _said(begin(scoped, environment="prod"))
    assert "act" == _said(begin(scoped, environment="dev"))


def test_the_plan_names_the_version_that_made_it():
    """So that its hash tells which terms held."""
    rule = a_rule("snapshot_and_redeploy", keep=24 * HOUR)
    other = a_rule("snapshot_and_redeploy", keep=48 * HOUR)
    other = replace(other, hash="f" * 16)
    scoped = replace(rule, overrides=((Scope.parse("tag:tier=1"), other),))
    shift = begin(scoped, tier="1")
    shift.deliver(a_degradation())
    assert ("f" * 16, "2d") == (shift.plan.rule_hash, shift.plan.settings["keep"])


def _said(shift: Shift) -> str:
    shift.deliver(a_degradation())
    return shift.reasons("h-1")[-1]


def test_an_event_that_concerns_no_rule_costs_no_read():
    """A subscription announces thousands of writes an hour."""
    rule = a_rule("snapshot_and_redeploy", when='signal.source == "elsewhere"')
    shift = begin(rule)
    reads: list[str] = []
    shift.hooks.append(lambda at: reads.append(at) if at.startswith("read ") else None)
    assert "not_matched" == _said(shift)
    assert [] == [at for at in reads if at in {"read disks", "read resource", "read machine"}]
