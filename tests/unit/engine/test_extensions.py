"""Azure ML extensions, from a request or a finding to what the cluster then shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.errors import InvalidSetting, ProviderUnavailable
from shared.core.plans import Plan
from shared.core.terms import Channel
from tests import builders as make
from tests.fakes.ledger import Crash
from tests.ml_extensions import (
    ARC,
    CLUSTER,
    EXTENSION,
    ON_ARC,
    STUCK,
    TRAINING,
    a_cluster,
    a_degraded,
    an_arc_cluster,
    with_cluster,
    with_extension,
    with_sick_extension,
)
from tests.shift import Shift

HOUR = timedelta(hours=1)


def repairing(**settings: Any) -> Shift:
    """Begin a night that repairs, and tells people."""
    terms = {"notify": (Channel.TEAMS,)}
    return Shift.begin(make.a_rule("repair_extension", terms=terms, **settings))


def steps(plan: Plan) -> list[tuple[str, str, str]]:
    """Write each step's verb, outcome and reason."""
    return [(r.step.verb.value, str(r.outcome), str(r.reason)) for r in plan.steps]


def ask(shift: Shift, remediation: str, target: str = EXTENSION, **given: Any) -> Plan | None:
    """Have a person ask for something, and see it through."""
    shift.run_book(remediation, target, given=given)
    shift.run_until_quiet()
    return shift.plans[-1] if shift.plans else None


def said(shift: Shift) -> str:
    """Return why nothing was done about a request."""
    [record] = shift.records("r-1")
    [decision] = record.decisions
    return f"{decision['reason']}: {decision['detail']}"


def settings_of(shift: Shift) -> dict[str, str]:
    """Return the extension's settings as they stand."""
    held = shift.world.extensions.documents[EXTENSION.casefold()]
    found: dict[str, str] = held["properties"]["configurationSettings"]
    return found


def test_a_component_that_is_not_ready_is_reconciled_and_seen_ready():
    """The same settings are written once; done when every component is ready."""
    shift = repairing()
    with_sick_extension(shift)
    shift.deliver(a_degraded())
    shift.run_until_quiet()
    assert [("extension_repair", "done", "")] == steps(shift.plan)
    assert [EXTENSION] == shift.done("update_extension")
    assert TRAINING == settings_of(shift)
    assert STUCK in str(shift.plan.steps[0].step.args["because"])


def test_what_stays_sick_is_repaired_within_its_budget_and_then_told():
    """Two repairs a day; the third time a person reads which component, and why."""
    shift = repairing(patience=timedelta(minutes=2))
    with_sick_extension(shift)
    shift.world.extensions.mends = False
    for number in range(3):
        shift.deliver(replace(a_degraded(), event_id=f"e-{number}"))
        shift.run_until_quiet()
        shift.move(HOUR)
    assert ["not_mended", "not_mended"] == [
        str(plan.steps[0].reason) for plan in shift.plans[:2]
    ]
    assert 2 == len(shift.done("update_extension"))
    [last] = shift.plans[2].steps
    assert "tell" == last.step.verb.value
    assert f"repaired 2 times, and still: gateway: 0 of 1 are ready ({STUCK})" in str(
        last.step.args["message"]
    )


def test_the_next_window_has_a_budget_of_its_own():
    """What was broken yesterday may be mended today."""
    shift = repairing(at_most=1, patience=timedelta(minutes=2))
    with_sick_extension(shift)
    shift.world.extensions.mends = False
    for number in range(2):
        finding = replace(a_degraded(), event_id=f"e-{number}", observed_at=shift.now)
        shift.deliver(finding)
        shift.run_until_quiet()
        shift.move(timedelta(days=1))
    assert 2 == len(shift.done("update_extension"))


def test_a_failed_extension_that_fails_again_says_so():
    """With the words of Azure, and no success."""
    shift = repairing()
    with_extension(shift, "Failed")
    shift.world.extensions.breaks = "Failed"
    shift.deliver(a_degraded())
    shift.run_until_quiet()
    assert [("extension_repair", "failed", "rejected")] == steps(shift.plan)


def test_a_stopped_cluster_is_neither_looked_into_nor_repaired():
    """Its extension is no more broken than a lamp without current."""
    shift = repairing()
    with_extension(shift, "Failed")
    shift.world.extensions.add_cluster(a_cluster(power="Stopped"))
    shift.deliver(replace(a_degraded(), event_id="e-1", is_recurring=False))
    assert ["not_running"] == shift.reasons()
    assert [] == shift.world.effects


def test_a_cluster_that_is_opted_out_is_left_alone():
    """Extensions bear no tags: the cluster's speak for them."""
    shift = repairing()
    with_sick_extension(shift)
    shift.world.extensions.add_cluster(a_cluster(nightshift="off"))
    shift.deliver(replace(a_degraded(), event_id="e-1", is_recurring=False))
    assert (["opted_out"], []) == (shift.reasons(), shift.world.effects)


def test_an_api_server_that_does_not_answer_is_no_reason_to_repair():
    """Components that nobody could read are not missing."""
    shift = repairing()
    with_extension(shift)

    def trap(where: str) -> None:
        if where == "read workloads":
            raise ProviderUnavailable("no answer", after=timedelta(seconds=1))

    shift.world.cluster.trap = trap
    shift.send(a_degraded())
    assert ([], []) == (shift.plans, shift.world.effects)


@pytest.mark.parametrize("at", ["before update extension", "after update_extension"])
def test_a_crash_around_the_repair_spends_the_budget_once(at: str):
    """Whoever goes on writes the same settings again, which does no harm."""
    shift = repairing(at_most=1)
    with_sick_extension(shift)
    died: list[str] = []

    def trap(where: str) -> None:
        if where == at and not died:
            died.append(where)
            raise Crash(where)

    shift.world.extensions.trap = trap
    shift.send(a_degraded())
    shift.run_until_quiet()
    assert [at] == died
    assert "done" in str(shift.plan.steps[0].outcome) or "already" in str(
        shift.plan.steps[0].outcome
    )


def test_an_extension_is_created_with_what_the_installer_adds():
    """On AKS: where it is, what it is called, and no relay."""
    shift = Shift.begin()
    with_cluster(shift)
    plan = ask(shift, "create_extension", settings=["enabletraining=True"])
    assert plan is not None
    assert [("extension_create", "done", "")] == steps(plan)
    held = settings_of(shift)
    shown = {"enableTraining": "True", "relayserver.enabled": "false", "clusterId": CLUSTER}
    assert shown == {name: held[name] for name in shown}


def test_settings_that_do_not_fit_are_refused_with_every_problem():
    """Before anything is sent; two nodes are too few for three routers."""
    shift = Shift.begin()
    with_cluster(shift, nodes=2)
    given = ["enableInference=True", "inferenceRouterServiceType=LoadBalancer"]
    assert None is ask(shift, "create_extension", settings=given)
    for name in ("inferenceRouterHA: ", "sslCname: ", "sslSecret: "):
        assert name in said(shift)
    assert [] == shift.world.effects


def test_a_protected_setting_is_refused_by_name_and_not_kept():
    """A request is written into the ledger; a certificate's key must not be."""
    shift = Shift.begin()
    with_cluster(shift)
    with pytest.raises(InvalidSetting, match="sslKeyPemFile is protected") as refusal:
        ask(shift, "create_extension", settings=["sslKeyPemFile=SECRET"])
    assert "SECRET" not in str(refusal.value)


def test_on_arc_the_vendors_installer_is_named():
    """It makes a relay and a secret, which nobody else does."""
    shift = Shift.begin()
    shift.world.extensions.add_cluster(an_arc_cluster())
    assert None is ask(shift, "create_extension", ON_ARC)
    assert "az k8s-extension create" in said(shift)


def test_an_update_lays_its_settings_over_those_that_stand():
    """In the spelling that stands; nothing else changes."""
    shift = Shift.begin()
    with_extension(shift)
    plan = ask(shift, "update_extension", settings=["installpromop=False"])
    assert plan is not None
    assert [("extension_update", "done", "")] == steps(plan)
    assert {**TRAINING, "installPromOp": "False"} == settings_of(shift)


def test_an_update_with_a_misspelt_setting_changes_nothing():
    """Azure would take it, and nothing would come of it."""
    shift = Shift.begin()
    with_extension(shift)
    assert None is ask(shift, "update_extension", settings=["installPromOpp=False"])
    assert "installPromOpp: it is no setting" in said(shift)


def test_a_deletion_waits_for_another_persons_yes():
    """Whatever the deployment says of runbooks: here it asks for nobody's."""
    shift = Shift.begin()
    with_extension(shift)
    assert None is ask(shift, "delete_extension")
    assert ["awaiting_approval"] == shift.reasons("r-1")
    assert EXTENSION.casefold() in shift.world.extensions.documents


def test_an_extension_is_deleted_by_a_rule_that_acts():
    """Done when Azure shows it no more."""
    shift = Shift.begin(make.a_rule("delete_extension"))
    with_extension(shift, "Failed")
    shift.deliver(a_degraded())
    shift.run_until_quiet()
    assert [("extension_delete", "done", "")] == steps(shift.plan)
    assert {} == shift.world.extensions.documents


def test_a_cluster_is_shown_with_each_extension_and_component():
    """What is wrong is named; what an Arc cluster hides is said to be hidden."""
    shift = Shift.begin()
    with_sick_extension(shift)
    plan = ask(shift, "show_extension", CLUSTER)
    assert plan is not None
    [shown] = plan.steps[0].detail["extensions"]
    assert ("azureml", "succeeded", []) == (shown["name"], shown["state"], shown["findings"])
    assert f"0 of 1 ready: {STUCK}" == shown["components"]["gateway"]
    assert "relayserver" not in shown["components"]


def test_an_arc_cluster_is_shown_without_its_inside():
    """Nobody reaches its API server from here, and that is said."""
    shift = Shift.begin()
    shift.world.extensions.add_cluster(an_arc_cluster())
    shift.world.extensions.add(ON_ARC, "Succeeded", TRAINING)
    plan = ask(shift, "show_extension", ARC)
    assert plan is not None
    [shown] = plan.steps[0].detail["extensions"]
    assert "nobody can look into this cluster" == shown["components"]
