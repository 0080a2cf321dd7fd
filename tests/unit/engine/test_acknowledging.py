"""A notice is acknowledged once, when all its machines are ready, and never on a guess."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.acknowledging import Acknowledge, Standing
from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable
from shared.core.plans import Mode, PlanOutcome
from shared.core.signals import Phase, Signal, SignalType
from shared.engine.acknowledging import readiness_of, readiness_view
from tests.builders import (
    MINUTE,
    NOW,
    SCALE_SET,
    SECOND,
    VM,
    a_pod,
    a_reboot,
    a_resource,
    a_rule,
    canceled,
    instance,
    started,
)
from tests.fakes.cloud import FOREVER
from tests.shift import SETTINGS, Shift

CONTROL_PLANE = replace(SETTINGS, acknowledge="control_plane")
NUMBERS = (29, 30, 31)


def begin(*rules: Any, says: Acknowledge = Acknowledge.WHEN_DRAINED, **more: Any) -> Shift:
    """Begin a night in which the app acknowledges by itself, with three nodes."""
    given = rules or (a_rule(acknowledge=says),)
    shift = Shift.begin(*given, **{"settings": CONTROL_PLANE, **more})
    for number in NUMBERS:
        shift.with_node(number=number)
    return shift


def a_notice_of(*numbers: int, **fields: Any) -> list[Signal]:
    """Make one notice that names these instances."""
    names = [f"aks-spot-1-vmss_{number}" for number in numbers]
    said = {"event_type": "Reboot", "resources": names}
    return [a_reboot(number, attributes=said, **fields) for number in numbers]


def standing(shift: Shift, event_id: str = "e-1") -> dict[str, Any]:
    """Ask as the forwarder does."""
    found = asyncio.run(readiness_of(shift.night, event_id))
    return readiness_view(event_id, found, by=shift.night.settings.acknowledge)


def said(shift: Shift) -> list[tuple[str, str]]:
    """Return every acknowledgement that was sent."""
    return shift.world.maintenance.acknowledged


def test_it_is_said_once_and_after_the_third_machine_is_drained():
    """One word counts for all three: before the third it would take a busy machine."""
    shift = begin()
    shift.world.cluster.run(a_pod("slow"), shift.node(31), looks_to_leave=60)
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.wait(30 * SECOND)
    assert [] == said(shift)
    assert "waiting" == standing(shift)["state"]
    shift.run_until_quiet()
    assert "slow" not in shift.world.cluster.pods_by_uid
    assert [(SCALE_SET, "e-1")] == said(shift)
    assert ["done"] * 3 == [one["outcome"] for one in standing(shift)["targets"]]


def test_it_is_recorded_with_its_moment():
    """Who asks afterwards, a person or a forwarder, sees that it was said and when."""
    shift = begin()
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    view = standing(shift)
    assert "ready" == view["state"]
    assert view["acknowledged_at"] is not None
    [record] = [r for r in shift.records("e-1") if r.phase == "scheduled+acknowledged"]
    assert ("acknowledge", "act") == tuple(
        record.decisions[0][key] for key in ("remediation", "kind")
    )


def test_a_failed_drain_keeps_the_whole_notice_from_being_acknowledged():
    """Its machine still works: hastening the reboot would lose what runs there."""
    shift = begin(a_rule(acknowledge=Acknowledge.WHEN_DRAINED, timeout=MINUTE))
    shift.world.cluster.run(a_pod("stays"), shift.node(31), blocks=FOREVER)
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    view = standing(shift)
    assert "refused" == view["state"]
    assert ["ready", "ready", "refused"] == [one["state"] for one in view["targets"]]
    assert [] == said(shift)


def test_a_rule_may_say_that_a_failed_drain_is_no_hindrance():
    """``always``: a person wrote that this machine is not waited for."""
    shift = begin(a_rule(acknowledge=Acknowledge.ALWAYS, timeout=MINUTE))
    shift.world.cluster.run(a_pod("stays"), shift.node(31), blocks=FOREVER)
    shift.deliver(*a_notice_of(*NUMBERS))
    assert "ready" == standing(shift)["state"]
    shift.run_until_quiet()
    assert [(SCALE_SET, "e-1")] == said(shift)


def test_a_rule_that_says_nothing_leaves_the_notice_to_its_time():
    """The default: an acknowledgement hastens the blow, so nobody gets it unasked."""
    shift = begin(a_rule())
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    assert ("refused", {"not_acknowledged"}) == (
        standing(shift)["state"],
        {one["reason"] for one in standing(shift)["targets"]},
    )
    assert [] == said(shift)


def test_the_forwarder_says_it_unless_a_setting_says_otherwise():
    """Then the app only answers whoever asks."""
    shift = begin(settings=SETTINGS)
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    assert "ready" == standing(shift)["state"]
    assert [] == said(shift)
    assert standing(shift)["acknowledged_at"] is None


def test_a_machine_that_nobody_drains_keeps_the_notice():
    """No node of ours runs there, and nobody knows what does: it is not hastened."""
    shift = begin()
    shift.world.resources.add(a_resource(VM))
    notice = [*a_notice_of(29), replace(a_notice_of(29)[0], target=VM)]
    shift.deliver(*notice)
    shift.run_until_quiet()
    view = standing(shift)
    assert "refused" == view["state"]
    assert "not_a_node" in {one["reason"] for one in view["targets"]}
    assert [] == said(shift)


def test_a_machine_that_is_gone_needs_no_drain():
    """What does not exist cannot be hurt; the others decide."""
    shift = begin()
    shift.deliver(*a_notice_of(29, 77))
    shift.run_until_quiet()
    states = {one["target"]: one["state"] for one in standing(shift)["targets"]}
    assert {"ready"} == set(states.values())
    assert [(SCALE_SET, "e-1")] == said(shift)


def test_nothing_but_machines_that_are_gone_is_not_acknowledged():
    """No rule spoke for it: silence is no consent."""
    shift = begin()
    shift.deliver(*a_notice_of(77, 78))
    shift.run_until_quiet()
    assert "refused" == standing(shift)["state"]
    assert [] == said(shift)


def test_a_machine_that_was_named_and_not_heard_of_yet_is_waited_for():
    """Its signal may still be on its way: a notice of three is three signals."""
    shift = begin()
    shift.deliver(*a_notice_of(*NUMBERS)[:2])
    shift.wait(2 * MINUTE)
    assert "waiting" == standing(shift)["state"]
    assert [] == said(shift)
    shift.deliver(*a_notice_of(*NUMBERS)[2:])
    shift.run_until_quiet()
    assert [(SCALE_SET, "e-1")] == said(shift)


def test_waiting_ends_when_the_notice_begins():
    """Past its moment there is nothing left to say, and no message goes round for ever."""
    shift = begin()
    shift.deliver(*a_notice_of(*NUMBERS)[:2])
    shift.run_until_quiet()
    assert shift.now < NOW + 20 * MINUTE
    assert [] == said(shift)


@pytest.mark.parametrize("phase", [started, canceled], ids=["started", "canceled"])
def test_a_status_only_moves_forward(phase: Any):
    """What began, or was taken back, is not acknowledged by a late plan or a late event."""
    shift = begin()
    shift.world.cluster.run(a_pod("slow"), shift.node(31), looks_to_leave=60)
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.wait(10 * SECOND)
    shift.deliver(*(phase(one) for one in a_notice_of(*NUMBERS)))
    shift.run_until_quiet()
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    assert [] == said(shift)
    assert "refused" == standing(shift)["state"]


def test_a_notice_told_three_times_by_three_machines_is_acknowledged_once():
    """Every member of the set forwards it, and Event Grid repeats some."""
    shift = begin()
    for _ in range(3):
        shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    assert [(SCALE_SET, "e-1")] == said(shift)


def test_an_advisory_is_never_acknowledged():
    """Nobody knows what an approval of an unknown kind would do."""
    rule = replace(
        a_rule(acknowledge=Acknowledge.ALWAYS), on=frozenset({SignalType.VM_ADVISORY})
    )
    shift = begin(rule)
    shift.deliver(*a_notice_of(29, type=SignalType.VM_ADVISORY))
    shift.run_until_quiet()
    assert "refused" == standing(shift)["state"]
    assert [] == said(shift)


def test_a_rule_that_only_observes_acknowledges_nothing():
    """Its plans are thoughts."""
    shift = begin(replace(a_rule(acknowledge=Acknowledge.ALWAYS), mode=Mode.OBSERVE))
    shift.deliver(*a_notice_of(*NUMBERS))
    shift.run_until_quiet()
    assert [] == said(shift)


def test_a_dry_run_of_the_app_acknowledges_nothing():
    """Plans that were open when it was switched on still close."""
    shift = begin()
    shift.deliver(*a_notice_of(*NUMBERS), budget=timedelta(0))
    dry = replace(CONTROL_PLANE, dry_run=True)
    shift.night = replace(shift.night, settings=dry)
    shift.run_until_quiet()
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}
    assert [] == said(shift)


def test_the_control_planes_own_notice_says_where_it_is_acknowledged():
    """An availability set's notice is the set's, whichever machine it names."""
    shift = begin()
    owner = f"{SCALE_SET}x"
    notice_id = f"{owner}/providers/Microsoft.Maintenance/scheduledevents/e-1"
    [signal] = a_notice_of(29)
    shift.deliver(replace(signal, attributes={**signal.attributes, "notice_id": notice_id}))
    shift.run_until_quiet()
    assert [(owner, "e-1")] == said(shift)


def test_a_service_that_is_away_is_asked_again():
    """A preview interface may fail for a while."""
    shift = begin()
    with shift.raising(
        "before acknowledge", ProviderUnavailable("away", after=2 * SECOND), times=3
    ):
        shift.deliver(*a_notice_of(*NUMBERS))
        shift.run_until_quiet()
    assert [(SCALE_SET, "e-1")] == said(shift)


def test_a_service_that_stays_away_is_given_up_before_the_notice_begins():
    """The record says that it was not said, and why."""
    shift = begin()
    with shift.raising(
        "before acknowledge", ProviderUnavailable("away", after=2 * SECOND), times=10_000
    ):
        shift.deliver(*a_notice_of(*NUMBERS))
        shift.run_until_quiet()
    assert [] == said(shift)
    assert "attempts_exhausted" in shift.reasons()
    assert standing(shift)["acknowledged_at"] is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Forbidden("no role"), "forbidden"), (InvalidTarget("no such notice"), "rejected")],
)
def test_a_refusal_is_recorded_and_not_repeated(error: Exception, reason: str):
    """Three plans closed; one asked, and was told no."""
    shift = begin()
    with shift.raising("before acknowledge", error):
        shift.deliver(*a_notice_of(*NUMBERS))
        shift.run_until_quiet()
    assert reason in shift.reasons()
    assert [] == said(shift)


def test_a_crash_at_any_point_loses_no_acknowledgement_and_repeats_none():
    """It may be said twice only if the answer to the first was lost; never too early."""
    whole = begin()
    whole.deliver(*a_notice_of(29, 30))
    whole.run_until_quiet()
    points = len(whole.passed)
    for point in range(1, points + 1):
        shift = begin()
        shift.die_at.add(point)
        while not shift.send(*a_notice_of(29, 30)):
            shift.move(10 * SECOND)
        shift.run_until_quiet()
        where = f"{point}: {shift.passed[point - 1]}"
        lost_answer = shift.passed[point - 1] in {
            "after acknowledge",
            "before record_event",
            "after pointer",
        }
        assert 1 <= len(said(shift)) <= (2 if lost_answer else 1), where
        assert shift.crashes == 1


def test_what_was_never_heard_of_is_unknown():
    """A forwarder may ask before its event has arrived."""
    view = standing(begin(), "nothing")
    assert ("unknown", [], None) == (view["state"], view["targets"], view["acknowledged_at"])


def test_an_event_that_is_no_notice_is_unknown():
    """Only what the platform announces can be acknowledged."""
    shift = begin()
    shift.deliver(*a_notice_of(29, source="health_resources", phase=Phase.FIRED))
    shift.run_until_quiet()
    assert Standing.UNKNOWN.value == standing(shift)["state"]


def test_where_a_rule_says_so_a_notice_begins_early_while_the_node_is_idle():
    """Nothing is lost now; in a quarter of an hour a job may be on it."""
    rule = a_rule(acknowledge=Acknowledge.WHEN_DRAINED, when="facts.pods == 0")
    shift = Shift.begin(rule, settings=CONTROL_PLANE)
    shift.with_node(a_pod("daemon", controller="DaemonSet"), number=29)
    shift.deliver(*a_notice_of(29))
    shift.run_until_quiet()
    assert ["e-1"] == [event for _, event in said(shift)]
    assert shift.now < NOW + MINUTE
    assert shift.node(29).is_unschedulable


def test_a_notice_for_a_busy_node_begins_at_its_own_time():
    """The rule does not match, and the next one drains without a word to the platform."""
    early = a_rule(name="early", acknowledge=Acknowledge.WHEN_DRAINED, when="facts.pods == 0")
    shift = Shift.begin(early, a_rule(name="later"), settings=CONTROL_PLANE)
    shift.with_node(number=29)
    shift.deliver(*a_notice_of(29))
    shift.run_until_quiet()
    assert [] == said(shift)
    assert ["later"] == [plan.rule for plan in shift.plans]


def test_one_busy_node_keeps_the_notice_for_all_that_are_idle():
    """One word begins it on every machine that it names."""
    early = a_rule(name="early", acknowledge=Acknowledge.WHEN_DRAINED, when="facts.pods == 0")
    shift = Shift.begin(early, a_rule(name="later"), settings=CONTROL_PLANE)
    shift.with_node(a_pod("daemon", controller="DaemonSet"), number=29)
    shift.with_node(number=30)
    shift.deliver(*a_notice_of(29, 30))
    shift.run_until_quiet()
    assert [] == said(shift)


def test_an_idle_slurm_node_lets_its_notice_begin_early():
    """No job is on it; the drain keeps the next one off."""
    rule = a_rule(
        "drain_slurm_node",
        acknowledge=Acknowledge.WHEN_DRAINED,
        when="size(facts.jobs) == 0",
    )
    shift = Shift.begin(rule, settings=CONTROL_PLANE)
    shift.world.slurm.add("gpu029", instance(29))
    shift.world.resources.add(a_resource(instance(29)))
    shift.deliver(*a_notice_of(29))
    shift.run_until_quiet()
    assert ["e-1"] == [event for _, event in said(shift)]
    assert shift.world.slurm.at("gpu029").is_drained
