"""Working hours on the tick: each boundary once, and a person's word until the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import Forbidden, NoCapacity
from shared.core.plans import PlanOutcome
from tests.builders import GROUP, HOUR, MINUTE, VM, a_rule
from tests.schedules import HOURS, with_vm
from tests.shift import Shift

EVENING = datetime(2030, 1, 10, 19, 5, tzinfo=UTC)  # a Thursday
OTHER = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-2"


@pytest.fixture
def shift() -> Shift:
    """A Thursday evening, five minutes past seven, and a rule that goes by the tag."""
    return Shift.begin(a_rule("follow_schedule"), now=EVENING)


def tick_until(shift: Shift, moment: datetime) -> None:
    """Let the timer fire every ten minutes, and the host do its work."""
    while shift.now < moment:
        shift.tick()
        shift.run_until_quiet()
        shift.world.clock.at = max(shift.now, shift.now + 10 * MINUTE)


def test_a_machine_is_deallocated_in_the_evening_and_started_in_the_morning(shift: Shift):
    """Each once, by the tag's own hours; on Friday evening again."""
    with_vm(shift)
    tick_until(shift, EVENING + 25 * HOUR)
    verbs = [verb for verb, _ in shift.world.effects]
    assert ["deallocate", "start", "deallocate"] == verbs
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}
    events = [str(plan.signal["event_id"]) for plan in shift.plans]
    assert [
        "schedule-follow-schedule-off-20300110T190000",
        "schedule-follow-schedule-on-20300111T080000",
        "schedule-follow-schedule-off-20300111T190000",
    ] == events


def test_who_starts_it_by_hand_keeps_it_until_the_next_boundary(shift: Shift):
    """Stopped at seven, started at nine by somebody who works late: it stays on."""
    machine = with_vm(shift)
    tick_until(shift, EVENING + 2 * HOUR)
    machine.power, machine.provisioned_at = "running", shift.now
    tick_until(shift, EVENING + 23 * HOUR)
    assert ["deallocate"] == [verb for verb, _ in shift.world.effects]
    tick_until(shift, EVENING + 25 * HOUR)
    assert ["deallocate", "deallocate"] == [verb for verb, _ in shift.world.effects]


def test_a_start_by_hand_counts_though_nobody_had_to_stop_it_at_the_boundary(shift: Shift):
    """It was off at seven: no plan of ours says so, only the platform's own time does."""
    machine = with_vm(shift, power="deallocated")
    tick_until(shift, EVENING + HOUR)
    machine.power, machine.provisioned_at = "running", shift.now
    tally = shift.tick()
    assert ([], [], 1) == (shift.plans, shift.world.effects, tally.by_reason[Reason.BY_HAND])


def test_who_stops_it_by_hand_in_working_hours_keeps_it_off(shift: Shift):
    """Somebody on holiday saves money: it is not started again at the next tick."""
    shift.world.clock.at = datetime(2030, 1, 10, 10, tzinfo=UTC)
    with_vm(shift, power="deallocated", provisioned_at=shift.now - MINUTE)
    tick_until(shift, shift.now + HOUR)
    assert [] == shift.world.effects


@pytest.mark.parametrize(
    ("title", "tags", "fields", "reason"),
    [
        ("an odd tag", {"nightshift-hours": "office hours"}, {}, Reason.BAD_DECLARATION),
        ("no power state", HOURS, {"power": None}, Reason.NO_DATA),
        ("no time of a change", HOURS, {"provisioned_at": None}, Reason.NO_DATA),
        ("opted out", {**HOURS, "nightshift": "off"}, {}, Reason.OPTED_OUT),
        ("on its way up", HOURS, {"power": "starting"}, Reason.STILL_LEAVING),
    ],
)
def test_what_is_not_sure_is_left_alone(shift: Shift, title, tags, fields, reason):
    """And said by name in the tick's record, beside a machine that is stopped all the same."""
    with_vm(shift, tags=tags, **fields)
    with_vm(shift, OTHER)
    tally = shift.tick()
    shift.run_until_quiet()
    assert ([OTHER], 1) == (shift.done("deallocate"), tally.by_reason[reason]), title


def test_a_machine_without_hours_reaches_no_rule(shift: Shift):
    """Nothing is asked about it, nothing is stored: most machines have none."""
    with_vm(shift, tags={})
    with_vm(shift, OTHER, tags={"nightshift-hours": "none"})
    tally = shift.tick()
    assert (2, {}) == (tally.looked_at, dict(tally.by_reason))
    assert not any(where.startswith("look") for where in shift.passed)


def test_a_boundary_that_is_long_over_is_let_be():
    """The app was away all night: at six in the morning nobody is surprised by a stop."""
    shift = Shift.begin(a_rule("follow_schedule"), now=EVENING + 11 * HOUR)
    with_vm(shift, provisioned_at=EVENING - 12 * HOUR)
    tally = shift.tick()
    assert ([], 1) == (shift.plans, tally.by_reason[Reason.STALE_EVENT])


def test_the_rule_s_own_hours_count_where_no_tag_is(shift: Shift):
    """In its own zone: 19:05 in UTC is five past eight in the evening of Berlin."""
    hours = {"on": "08:00", "off": "20:00", "time_zone": "Europe/Berlin"}
    shift = Shift.begin(a_rule("follow_schedule", **hours), now=EVENING)
    with_vm(shift, tags={})
    with_vm(shift, OTHER, tags={"nightshift-hours": "mon-fri 08:00-21:00"})
    tick_until(shift, EVENING + 10 * MINUTE)
    assert [VM] == shift.done("deallocate")


def test_the_idle_rule_and_the_hours_read_one_list(shift: Shift):
    """A hundred thousand machines are listed once, whoever asks about them."""
    rules = (a_rule("follow_schedule"), a_rule("deallocate_idle", gpu_metric="Guest/gpu"))
    shift = Shift.begin(*rules, now=EVENING)
    reads: list[str] = []
    shift.hooks.append(reads.append)
    with_vm(shift)
    shift.with_machine(OTHER)
    shift.tick()
    shift.run_until_quiet()
    assert {VM, OTHER} == set(shift.done("deallocate"))
    assert 1 == reads.count("read machines")


def test_hours_that_changed_before_the_plan_was_carried_out_stop_it(shift: Shift):
    """A fresh look before the step: whoever extends the day at the last moment is heard."""
    machine = with_vm(shift)
    shift.tick()
    shift.move(MINUTE)
    late = replace(machine.resource, tags={"nightshift-hours": "mon-fri 08:00-23:00 UTC"})
    machine.resource = late
    shift.world.resources.add(late)
    shift.run_until_quiet()
    assert [] == shift.world.effects
    assert Reason.NO_LONGER_WANTED == shift.plan.steps[0].reason


def test_who_was_at_it_between_the_plan_and_its_step_is_heard(shift: Shift):
    """Restarted by somebody a moment before we stop it: he is about to work on it."""
    machine = with_vm(shift)
    shift.tick()
    shift.move(MINUTE)
    machine.provisioned_at = shift.now
    shift.run_until_quiet()
    assert ([], Reason.BY_HAND) == (shift.world.effects, shift.plan.steps[0].reason)


def test_one_machine_that_fails_stops_no_other(shift: Shift):
    """A lock that cannot be read, or a right that is missing, is one machine's trouble."""
    with_vm(shift)
    with_vm(shift, OTHER)
    with shift.raising("before deallocate", Forbidden("deallocating dev-1: no right")):
        shift.tick()
        shift.run_until_quiet()
    assert {PlanOutcome.DONE, PlanOutcome.FAILED} == {plan.outcome for plan in shift.plans}
    assert 1 == len(shift.done("deallocate"))


def test_a_start_that_finds_no_capacity_is_tried_again(shift: Shift):
    """In the morning all start at once: what is missing at eight may be there at ten past."""
    shift.world.clock.at = datetime(2030, 1, 10, 8, 5, tzinfo=UTC)
    with_vm(shift, power="deallocated", provisioned_at=shift.now - timedelta(hours=13))
    with shift.raising(
        "before start", NoCapacity("starting dev-1: AllocationFailed"), times=2
    ):
        shift.tick()
        shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome
    assert 1 == len(shift.done("start"))
