"""People over the engine: pauses, protected targets, freezes, old events, locks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time, timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import Forbidden, ProviderUnavailable
from shared.core.freezes import Freeze, Weekly
from shared.core.plans import Plan
from shared.core.protection import LockLevel
from shared.rules.book import RuleBook
from tests.builders import (
    ACCOUNT,
    CLUSTER,
    GROUP,
    HOUR,
    MINUTE,
    NOW,
    SCALE_SET,
    SECOND,
    SUBSCRIPTION,
    VM,
    a_degradation,
    a_failed_task,
    a_notice,
    a_pause,
    a_reboot,
    a_rule,
    an_alert,
    canceled,
    instance,
)
from tests.fakes.cloud import FOREVER
from tests.shift import SETTINGS, Shift

AWAY = ProviderUnavailable("reading a row: 503", after=SECOND)
NIGHT = Freeze("night", Weekly(frozenset(range(7)), time(2), 2 * HOUR), UTC, "2 to 4 UTC")


def put_pause(shift: Shift, scope: str = "global", **fields):
    """Let Ada pause."""
    pause = a_pause(scope, **fields)
    shift.world.controls.stored[pause.id] = pause
    return pause


def set_node(shift: Shift, **fields) -> None:
    """Let somebody mark the node."""
    shift.set_node(replace(shift.node(), **fields))


def the_hold(shift: Shift, event_id: str = "e-1") -> dict:
    """The only decision that was recorded for an event."""
    [record] = shift.records(event_id)
    [decision] = record.decisions
    return dict(decision)


def test_a_pause_stops_an_eviction_and_says_whose_it_is():
    """A person's word wins; the record names the pause, its owner and its end."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    put_pause(shift)
    shift.deliver(a_notice())
    said = the_hold(shift)
    assert ([], [], "hold", "paused") == (
        shift.plans,
        shift.world.effects,
        said["kind"],
        said["reason"],
    )
    assert (
        "pause-1 of global by ada (self-declared) until 2030-01-01T04:00:00Z" in said["detail"]
    )
    assert "2030-01-01T04:00:00.000000Z" == said["until"]


@pytest.mark.parametrize(
    "scope",
    [
        "rule:drain-node",
        f"subscription:{SUBSCRIPTION}",
        f"resource_group:{GROUP}",
        f"resource:{SCALE_SET}",
        f"resource:{CLUSTER}",
        "tag:team=vision",
    ],
)
def test_a_pause_holds_what_is_within_its_scope(scope: str):
    """Also by the cluster whose node the machine is."""
    shift = Shift.begin(a_rule())
    shift.with_node(tags={"team": "vision"})
    put_pause(shift, scope)
    shift.deliver(a_notice())
    assert ([], ["paused"]) == (shift.plans, shift.reasons())


def test_a_pause_of_another_rule_holds_nothing():
    """Or nobody would dare to pause one."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    put_pause(shift, "rule:another")
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert 1 == len(shift.plans)


def test_what_is_under_way_goes_on_under_a_pause():
    """Half a drain is worse than a drain."""
    shift = Shift.begin(a_rule())
    shift.with_node(blocks=FOREVER)
    shift.deliver(a_reboot())
    put_pause(shift)
    for pod in shift.world.cluster.pods_by_uid.values():
        pod.blocks = 0
    shift.run_until_quiet()
    assert 2 == len(shift.done("evict"))


def test_what_was_done_is_still_taken_back_under_a_pause():
    """A node must not stay cordoned because somebody said stop."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    put_pause(shift)
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert not shift.node().is_unschedulable


def test_what_was_held_is_looked_at_again_when_the_pause_ends():
    """By then it may be over, or stale; if it is neither, it is done."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    put_pause(shift)
    shift.deliver(a_degradation())
    shift.wait(HOUR - SECOND)
    assert [] == shift.plans
    shift.wait(SECOND)
    shift.run_until_quiet()
    assert 1 == len(shift.done("redeploy"))


def test_what_a_long_pause_held_is_too_old_when_it_ends():
    """Nobody wants Friday's alerts acted on on Monday."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    put_pause(shift, expires_at=NOW + 60 * HOUR)
    shift.deliver(a_degradation())
    shift.wait(61 * HOUR)
    assert ([], ["paused", "stale_event"]) == (shift.plans, shift.reasons("h-1"))


@pytest.mark.parametrize("error", [AWAY, Forbidden("reading a row: forbidden")])
@pytest.mark.parametrize("make", [a_notice, a_reboot])
def test_not_knowing_whether_it_is_paused_holds_and_asks_again(error, make):
    """The same account holds the plans: nothing could be opened anyway."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    with shift.raising("read pauses", error):
        shift.deliver(make(deadline=NOW + 15 * MINUTE))
        said = the_hold(shift)
        assert ("hold", "unreadable") == (said["kind"], said["reason"])
        assert "the pauses could not be read" in said["detail"]
    shift.wait(2 * MINUTE)
    shift.run_until_quiet()
    assert 1 == len(shift.plans)


def test_a_read_only_lock_stops_a_redeploy_and_is_named():
    """Azure would refuse it after the snapshots; we say so before."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    shift.world.resources.lock(GROUP, name="month-end")
    shift.deliver(a_degradation())
    said = the_hold(shift, "h-1")
    assert ([], "protected") == (shift.plans, said["reason"])
    assert f"the ReadOnly lock month-end on {GROUP}" == said["detail"]


def test_a_delete_lock_stops_nothing():
    """We delete nothing."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    shift.world.resources.lock(VM, LockLevel.CAN_NOT_DELETE)
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert 1 == len(shift.done("redeploy"))


def test_locks_that_cannot_be_read_hold():
    """Not knowing is not being allowed; it is asked again."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    with shift.raising("read locks", AWAY):
        shift.deliver(a_degradation())
    assert (["unreadable"], []) == (shift.reasons("h-1"), shift.plans)
    shift.wait(MINUTE)
    shift.run_until_quiet()
    assert 1 == len(shift.done("redeploy"))


def test_a_drain_and_a_reactivation_read_no_locks():
    """They ask an API server and a Batch endpoint, where no lock reaches."""
    shift = Shift.begin(a_rule(), a_rule("reactivate_failed_tasks"))
    shift.with_node()
    shift.with_job(a_failed_task())
    shift.world.resources.lock(f"/subscriptions/{SUBSCRIPTION}")
    reads: list[str] = []
    shift.hooks.append(reads.append)
    shift.deliver(a_notice())
    shift.deliver(an_alert())
    shift.run_until_quiet()
    assert "read locks" not in reads
    assert {"drain_node", "reactivate_failed_tasks"} == {p.remediation for p in shift.plans}


def test_an_idle_machine_under_a_lock_keeps_running():
    """The tick reads locks only for what it would stop."""
    shift = Shift.begin(a_rule("deallocate_idle"))
    shift.with_machine()
    shift.with_machine(f"{VM}0", is_quiet=False)
    shift.world.resources.lock(VM)
    reads: list[str] = []
    shift.hooks.append(reads.append)
    tally = shift.tick()
    assert ({"protected": 1, "no_data": 1}, 1) == (tally.by_reason, reads.count("read locks"))


@pytest.mark.parametrize("tags", [{"nightshift": "protected"}, {"MonitorDisable": "Test"}])
def test_a_protected_machine_is_observed_and_not_touched(tags):
    """By an eviction either: its owner said so."""
    shift = Shift.begin(a_rule())
    shift.with_node(tags=tags)
    shift.deliver(a_notice())
    said = the_hold(shift)
    assert ([], "protected", ["cordon", "drain"]) == (
        shift.plans,
        said["reason"],
        [step["verb"] for step in said["would"]],
    )


def test_a_system_pool_is_left_alone():
    """CoreDNS lives there."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    set_node(shift, labels={"kubernetes.azure.com/mode": "system"})
    shift.deliver(a_notice())
    assert ([], ["protected"]) == (shift.plans, shift.reasons())


@pytest.mark.parametrize(
    "settings",
    [
        {"protected_tags": ("tier=gold",)},
        {"protected_names": ("aks-spot-*",)},
        {"own_resources": (GROUP,)},
    ],
)
def test_the_deployments_settings_protect(settings):
    """By tag, by name, and whatever Nightshift itself lives in."""
    shift = Shift.begin(a_rule(), settings=replace(SETTINGS, **settings))
    shift.with_node(tags={"tier": "gold"})
    shift.deliver(a_notice())
    assert ([], ["protected"]) == (shift.plans, shift.reasons())


def test_another_tools_mark_stops_a_person_and_not_an_eviction():
    """The tool asked to be left alone; the platform does not ask."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    set_node(shift, labels={"nvsentinel.dgxc.nvidia.com/managed": "false"})
    given = shift.run_book("drain_node", instance(29))
    assert Reason.PROTECTED == given.rulings[0].decision.reason
    assert "nvsentinel.dgxc.nvidia.com/managed=false" in given.rulings[0].decision.detail
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert 2 == len(shift.done("evict"))


def test_a_tag_that_protects_stops_the_next_effect_of_a_plan_under_way():
    """Like the tag that opts out: from the moment a person says so."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os", "data")
    shift.deliver(a_degradation())
    shift.poll()
    shift.set_tags(VM, {"nightshift": "protected"})
    shift.run_until_quiet()
    assert (1, 0) == (len(shift.done("create_snapshot")), len(shift.done("redeploy")))
    assert Reason.PROTECTED in [record.reason for record in shift.plan.steps]


def frozen(shift: Shift) -> None:
    """Let a freeze of the rule files hold for every rule."""
    shift.night = replace(shift.night, rules=RuleBook(shift.night.rules.rules, (NIGHT,)))


def test_a_freeze_holds_what_is_voluntary_until_it_ends():
    """And then it is done."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    frozen(shift)
    shift.with_machine(VM, "os")
    shift.deliver(a_degradation())
    said = the_hold(shift, "h-1")
    assert ("frozen", "freeze 'night': 2 to 4 UTC") == (said["reason"], said["detail"])
    shift.wait(HOUR)
    shift.run_until_quiet()
    assert 1 == len(shift.done("redeploy"))


def test_a_freeze_of_one_rule_is_its_own():
    """Another rule on the same machine goes on."""
    held = replace(a_rule("snapshot_and_redeploy", name="held"), freezes=(NIGHT,))
    shift = Shift.begin(held)
    shift.with_machine(VM, "os")
    shift.deliver(a_degradation())
    assert ["frozen"] == shift.reasons("h-1")
    given = shift.run_book("snapshot_and_redeploy", VM)
    assert given.stored is not None


def test_an_eviction_does_not_wait_for_the_calendar():
    """The platform has its own."""
    shift = Shift.begin(a_rule())
    frozen(shift)
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert 2 == len(shift.done("evict"))


def test_a_freeze_holds_a_persons_runbook_too():
    """Who froze the house outranks who is in a hurry; the answer says until when."""
    shift = Shift.begin()
    frozen(shift)
    shift.with_machine(VM, "os")
    given = shift.run_book("snapshot_and_redeploy", VM)
    assert (Reason.FROZEN, NOW + HOUR) == (
        given.rulings[0].decision.reason,
        given.rulings[0].decision.until,
    )


def test_an_alert_that_was_under_way_too_long_is_not_acted_on():
    """Event Grid and action groups try for hours; by then a person has looked."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks"))
    shift.with_job(a_failed_task())
    shift.deliver(an_alert(observed_at=NOW - 6 * HOUR - SECOND))
    said = the_hold(shift, "a-1")
    assert ([], "stale_event") == (shift.plans, said["reason"])
    assert said["detail"].startswith("it is 6h1s old")


def test_a_rule_sets_its_own_age():
    """Also for evictions, if somebody means it."""
    strict = replace(a_rule(), max_age=timedelta(seconds=20))
    shift = Shift.begin(strict)
    shift.with_node()
    shift.deliver(a_notice(observed_at=NOW - 21 * SECOND))
    assert ([], ["stale_event"]) == (shift.plans, shift.reasons())


def test_a_dry_run_shows_every_guardrail_and_the_plan():
    """All that stands in the way at once."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    frozen(shift)
    shift.with_machine(VM, "os")
    shift.world.resources.lock(VM)
    put_pause(shift)
    given = shift.run_book("snapshot_and_redeploy", VM, is_dry_run=True)
    assert {
        "paused": "paused",
        "mode": "pass",
        "dry_run": "dry_run",
        "opted_out": "pass",
        "protected": "protected",
        "freeze": "frozen",
        "freshness": "pass",
        "deadline": "pass",
        "cooldown": "pass",
        "in_flight": "pass",
        "blast_radius": "pass",
        "breaker": "pass",
        "budget": "pass",
        "canary": "pass",
        "approval": "pass",
    } == given.rulings[0].guardrails
    assert isinstance(given.dry, Plan)


def test_a_batch_account_is_paused_by_its_group():
    """Facts differ; scopes do not."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks"))
    shift.with_job(a_failed_task())
    put_pause(shift, f"resource:{ACCOUNT}")
    shift.deliver(an_alert())
    assert ([], ["paused"]) == (shift.plans, shift.reasons("a-1"))
