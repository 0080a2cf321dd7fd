"""One signal, one recorded answer: duplicates, holds, dry runs, test alerts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.decisions import Act, Reason
from shared.core.errors import ProviderUnavailable, RetryLater, StaleFacts, Throttled
from shared.core.plans import Mode, PlanOutcome
from shared.core.settings import Settings
from shared.core.signals import Phase, SignalType, Unanswered
from shared.engine import events
from shared.engine.holding import MOST_REMINDERS
from shared.engine.views import event_view
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    VM,
    a_degradation,
    a_failed_task,
    a_notice,
    a_pod,
    a_reboot,
    a_rule,
    an_alert,
)
from tests.shift import SETTINGS, Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes, and a node."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    return shift


def test_an_event_that_is_delivered_again_changes_nothing(shift: Shift):
    """At least once is what the senders promise; once is what is done."""
    for _ in range(3):
        shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(a_notice())
    assert (1, ["act"]) == (len(shift.plans), shift.reasons())
    assert 3 == len(shift.world.effects)


def test_a_refusal_is_kept_and_not_thought_over_again(shift: Shift):
    """Delivered again after the world changed, it is the same event still."""
    shift.world.cluster.nodes.clear()
    shift.deliver(a_notice())
    shift.with_node()
    [again] = shift.deliver(a_notice())
    assert ([], ["not_a_node"]) == (shift.plans, shift.reasons())
    assert Reason.DUPLICATE == again.rulings[0].decision.reason


@pytest.mark.parametrize(
    ("title", "signal", "reason"),
    [
        ("a Test button", a_notice(is_test=True), "test_event"),
        ("a test taken back", a_notice(is_test=True, phase=Phase.CANCELED), "test_event"),
        ("it is over", a_notice(phase=Phase.COMPLETED), "not_actionable"),
        ("it names nothing", a_notice(target=""), "not_actionable"),
        ("no rule answers it", a_notice(type=SignalType.VM_PREEMPTED), "no_rule"),
    ],
)
def test_what_needs_no_rule_is_recorded_and_not_acted_on(
    shift: Shift, title: str, signal, reason: str
):
    """A Test button pressed at a busy hour must move nothing."""
    shift.deliver(signal)
    assert ([], [reason]) == (shift.plans, shift.reasons())


def test_an_event_without_a_word_of_ours_is_recorded(shift: Shift):
    """Known to be heard, known to mean nothing here."""
    assert [] == shift.deliver(Unanswered("x-1", "event_grid", "unknown type"))
    assert ["no_rule"] == shift.reasons("x-1")


def test_an_earlier_phase_that_comes_late_begins_nothing(shift: Shift):
    """The status only moves forward; what is completed is not begun."""
    shift.deliver(a_notice(phase=Phase.COMPLETED))
    shift.deliver(a_notice())
    assert ([], ["not_actionable", "not_actionable"]) == (shift.plans, shift.reasons())


def test_a_hold_with_a_time_is_kept(shift: Shift):
    """Another plan is on the node: when it is done, this one follows by itself."""
    shift.deliver(a_reboot())
    shift.deliver(a_reboot(event_id="e-2"))
    assert ["in_flight"] == shift.reasons("e-2")
    shift.run_until_quiet()
    assert [PlanOutcome.DONE, PlanOutcome.DONE] == [plan.outcome for plan in shift.plans]
    assert "act" == shift.reasons("e-2")[-1]


def test_a_hold_without_a_time_waits_for_the_source_to_say_it_again():
    """Nobody knows when; the queue is not filled with questions."""
    shift = Shift.begin(a_rule(when="facts.nothing_like_this == 1"))
    shift.with_node()
    shift.deliver(a_notice())
    assert (["condition_failed"], []) == (shift.reasons(), shift.world.queue.waiting)


def test_a_cooldown_is_waited_for():
    """The second degradation within a day is acted on when the day is over."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", cooldown=HOUR))
    shift.with_machine(VM, "os")
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    shift.deliver(a_degradation(event_id="h-2"))
    assert ["cooldown"] == shift.reasons("h-2")
    shift.run_until_quiet()
    assert (2, 2) == (len(shift.plans), len(shift.done("redeploy")))
    assert NOW + HOUR == shift.plans[1].created_at


def test_facts_that_cannot_be_read_are_read_again_after_the_time_they_ask_for(shift: Shift):
    """A throttled API names its own pause; meanwhile nothing is done."""
    with shift.raising("read find_node", Throttled("listing nodes", after=7 * SECOND)):
        shift.deliver(a_notice())
    assert ([], ["unreadable"]) == (shift.world.effects, shift.reasons())
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, NOW + 7 * SECOND) == (shift.plan.outcome, shift.plan.created_at)


def test_what_stays_unreadable_is_not_asked_about_after_the_deadline(shift: Shift):
    """When it can no longer help, the reminders end; so do the calls."""
    with shift.raising("read find_node", Throttled("x", after=7 * SECOND), times=10**6):
        shift.deliver(a_notice())
        shift.run_until_quiet()
    assert "deadline_passed" == shift.reasons()[-1]
    assert len(shift.reasons()) <= 8


def test_what_stays_unreadable_without_a_deadline_is_asked_about_less_and_less():
    """A resource that can never be read must not be a message every second for ever."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    error = ProviderUnavailable("x", after=SECOND)
    with shift.raising("read disks", error, times=10**6):
        shift.deliver(a_degradation())
        shift.wait(HOUR)
        assert len(shift.reasons("h-1")) <= 40
        shift.run_until_quiet(timedelta(days=3))
    assert MOST_REMINDERS + 1 == len(shift.reasons("h-1"))


def test_the_first_rule_that_acts_is_the_one_and_the_others_are_named():
    """Two drains of one node would be one too many; who lost is written down."""
    rules = (
        a_rule(name="not-mine", when="false"),
        a_rule(name="first"),
        a_rule(name="second"),
    )
    shift = Shift.begin(*rules)
    shift.with_node()
    shift.deliver(a_notice())
    assert ["not_matched", "act", "other_rule_acted"] == shift.reasons()
    assert "first" == shift.plan.rule


def test_a_dry_run_of_everything_leaves_the_world_equal_and_gives_the_plans_id():
    """A first week of watching: the same thoughts, no hand moved."""
    real = Shift.begin(a_rule())
    dry = Shift.begin(a_rule(), settings=replace(SETTINGS, dry_run=True))
    for shift in (real, dry):
        shift.with_node()
    before = dry.world.picture()
    real.deliver(a_notice())
    [given] = dry.deliver(a_notice())
    dry.run_until_quiet()
    assert (before, []) == (dry.world.picture(), dry.plans)
    assert given.dry is not None
    assert (real.plan.id, PlanOutcome.DRY_RUN) == (given.dry.id, given.dry.outcome)
    assert [r.step for r in real.plan.steps] == [r.step for r in given.dry.steps]
    assert ["dry_run"] == dry.reasons()
    assert "pass" == given.rulings[0].guardrails["in_flight"]


@pytest.mark.parametrize(
    "at", ["before open", "after index", "before record_event", "before put"]
)
def test_a_ledger_that_is_away_makes_the_sender_send_again(at: str):
    """Refused to the sender, nothing is lost; accepted, it would be."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    reasons: list[str] = []
    with shift.raising(at, ProviderUnavailable("writing", after=SECOND)):
        try:
            shift.deliver(a_degradation())
        except RetryLater:
            reasons.append(at)
    assert ([] if at == "before put" else [at]) == reasons
    assert [] == shift.world.effects
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ([VM], 1) == (shift.done("redeploy"), len(shift.plans))


def test_a_queue_that_is_away_does_not_hold_up_an_eviction(shift: Shift):
    """The plan is stored and this worker is on it; the sweep is there if it dies."""
    with shift.raising("before put", ProviderUnavailable("queue", after=SECOND)):
        shift.deliver(a_notice())
    assert shift.done("evict")
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome


def test_nothing_is_done_while_the_ledger_cannot_be_read(shift: Shift):
    """Without the ledger nobody knows what was done already."""

    class Away(type(shift.world.ledger)):  # type: ignore[misc]
        async def look(self, target, plan_ids):
            raise ProviderUnavailable("reading the ledger", after=SECOND)

    shift.world.ledger.__class__ = Away
    with pytest.raises(RetryLater):
        shift.deliver(a_notice())
    assert ([], []) == (shift.world.effects, shift.world.queue.waiting)


def test_a_ledger_row_that_keeps_changing_is_tried_again_and_then_later(shift: Shift):
    """Others write the same target's row: a few tries, then the sender's turn."""
    with shift.raising("before open", StaleFacts("moved"), times=3):
        shift.deliver(a_notice())
    assert 1 == len(shift.plans)
    other = Shift.begin(a_rule())
    other.with_node()
    with other.raising("before open", StaleFacts("moved"), times=4):
        assert not other.send(a_notice())
    assert ([], []) == (other.plans, other.world.effects)
    other.deliver(a_notice())
    assert 1 == len(other.plans)


def test_what_became_of_an_event_can_be_read_whole(shift: Shift):
    """Every phase, every decision, every plan, by the event's own name."""
    shift.deliver(a_notice())
    shift.run_until_quiet()
    view = shift.invoke(event_view(shift.night, "e-1"))
    assert view is not None
    assert ["scheduled"] == [record["phase"] for record in view["records"]]
    assert [shift.plan.id] == [plan["id"] for plan in view["plans"]]
    assert shift.invoke(event_view(shift.night, "never-heard")) is None


def test_a_rule_that_is_off_is_silent_and_a_suggestion_is_shown():
    """Each mode says its own name."""
    for mode, reason in ((Mode.OFF, "mode_off"), (Mode.SUGGEST, "suggest_only")):
        shift = Shift.begin(a_rule(mode=mode))
        shift.with_node()
        shift.deliver(a_notice())
        assert ([], [reason]) == (shift.plans, shift.reasons())


def test_an_alert_is_left_to_the_queue(shift: Shift):
    """Only what cannot wait is carried out by the inlet itself."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks"))
    shift.with_job(a_failed_task())
    [given] = shift.deliver(an_alert())
    assert isinstance(given.rulings[0].decision, Act)
    assert ([], None) == (shift.world.effects, shift.plan.lease)
    shift.wait(MINUTE)
    assert PlanOutcome.DONE == shift.plan.outcome


def test_without_rules_nothing_happens_and_that_is_recorded():
    """A deployment without a rule is quiet, not broken."""
    shift = Shift.begin(settings=Settings())
    shift.with_node(a_pod())
    shift.deliver(a_notice())
    assert ["no_rule"] == shift.reasons()


def test_copies_of_a_held_event_are_reminded_of_once():
    """Event Grid may deliver an event five times at once; what is held is heard once."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", cooldown=2 * HOUR))
    shift.with_machine(VM, "os", is_quiet=False)
    shift.deliver(a_degradation(event_id="first"))
    shift.run_until_quiet()

    async def together() -> None:
        copies = (
            events.hear(shift.night, [a_degradation()], budget=timedelta(0)) for _ in range(5)
        )
        await asyncio.gather(*copies)

    shift.invoke(together())
    shift.wait(90 * MINUTE)
    shift.wait(HOUR)
    heard = [record.phase for record in shift.records("h-1")]
    assert ["fired", "fired+1"] == heard
    assert [] == shift.world.queue.waiting
