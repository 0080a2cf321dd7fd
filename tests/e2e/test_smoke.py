"""``nightshift smoke`` on a whole deployment: every way in, and each of them broken."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from sandbox import deployment as deployed
from sandbox.demo.site import Site
from sandbox.state_folder import Sandbox
from shared.core.smoke_tests import PREFIX
from tests.deployed import Json, a_deployment, change, command, on_site, report

ACTING = """rules:
  - name: tell-anything
    on: [vm.freeze, alert.metric, aml.run_changed]
    remediate: ask_a_person
    mode: auto
  - name: drain-everything
    on: [vm.freeze]
    remediate: drain_node
    mode: auto
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A deployment with rules that act by themselves on what the tests pretend."""
    state = tmp_path_factory.mktemp("smoke")
    rules = state / "rules"
    rules.mkdir()
    (rules / "acting.yaml").write_text(ACTING)
    with a_deployment(state / "sandbox", rules=(rules,)) as up:
        yield up


@pytest.fixture
def healthy(sandbox: Sandbox) -> Sandbox:
    """The deployment in good order."""

    async def as_new(site: Site) -> None:
        await site.azure("DELETE", "/_faults")
        await site.azure("PUT", "/_world", {})
        await deployed.deploy(site)

    on_site(sandbox, as_new)
    return sandbox


def by_inlet(document: Json) -> dict[str, Json]:
    """The results by inlet."""
    return {one["inlet"]: one for one in document["tests"]}


def fired(sandbox: Sandbox) -> tuple[str, str]:
    """Let the timer be fired at once, where a test is about something else."""
    return ("--master-key", sandbox.master_key)


def test_every_way_in_ends_in_a_dry_run_and_nothing_is_touched(healthy: Sandbox):
    """With the times of its hops; although the rules in force would act on all of it."""
    code, document = report(healthy, "smoke", "--patience", "2")
    tests = by_inlet(document)
    assert {"event_grid", "queue", "alert", "runbook", "timer"} == set(tests)
    assert (0, {"ok"}) == (code, {one["verdict"] for one in tests.values()})
    assert {"dry run: would tell"} == {one["said"] for one in tests.values()}
    assert "topic -> subscription -> on_maintenance_event" == tests["event_grid"]["hops"]
    assert all(one["event_id"].startswith(PREFIX) for one in tests.values())
    assert all(0 <= one["recorded_s"] <= one["seen_s"] + 2 for one in tests.values())

    async def left(site: Site) -> tuple[list[Json], list[Json]]:
        _, page = await site.call("GET", "/api/plans")
        calls = await site.azure("GET", "/_calls")
        return page["plans"], calls

    plans, calls = on_site(healthy, left)
    assert [] == plans
    # Told to the outside, or asked of it: Resource Graph takes its questions by POST.
    outside = ("/msi/", "/ingestion/", "/eventgrid/", "/providers/Microsoft.ResourceGraph/")
    written = [c for c in calls if c["method"] != "GET" and not c["path"].startswith(outside)]
    assert [] == written


def test_people_read_the_times_and_no_key(healthy: Sandbox):
    """One line a way in."""
    keys = (
        "--webhook",
        "--system-key",
        healthy.system_key,
        "--master-key",
        healthy.master_key,
    )
    code, said, wrong = command(healthy, "smoke", *keys)
    assert (0, "") == (code, wrong)
    assert "webhook -> on_maintenance_event" in " ".join(said.split())
    assert said.rstrip().endswith("5 answered; nothing was touched")
    secret = (healthy.function_key, healthy.system_key, healthy.master_key)
    assert [key for key in secret if key in said] == []


def test_a_topic_that_delivers_nothing_fails_and_the_others_pass(healthy: Sandbox):
    """Its subscription's filter was changed: published, and never heard of."""

    def filtered(resources: list[Json]) -> None:
        wanted = f"{deployed.TOPIC}/eventSubscriptions/nightshift"
        [one] = [one for one in resources if one["id"] == wanted]
        one["properties"]["filter"] = {"includedEventTypes": ["Another.Type"]}

    change(healthy, filtered)
    code, document = report(healthy, "smoke", "--patience", "0.7")
    tests = by_inlet(document)
    assert 1 == code
    assert ["event_grid"] == [n for n, one in tests.items() if one["verdict"] != "ok"]
    assert "no answer within" in tests["event_grid"]["said"]
    assert "event_subscriptions" in tests["event_grid"]["advice"]
    assert tests["event_grid"]["accepted_s"] is not None


def test_a_target_that_cannot_be_read_fails_every_way(healthy: Sandbox):
    """A dry run on nothing is none."""
    gone = f"{deployed.GROUP}/providers/Microsoft.Compute/virtualMachines/gone"
    code, document = report(healthy, "smoke", "--target", gone, *fired(healthy))
    tests = by_inlet(document)
    assert 1 == code
    assert "target_gone" in tests["alert"]["said"]
    assert "--target" in tests["alert"]["advice"]


def test_who_may_not_publish_is_told_which_role_and_the_rest_is_tried(healthy: Sandbox):
    """Exit 2: one way in could not be tried."""
    fault = {"pattern": "POST /eventgrid/nightshift-forwarder", "status": 403, "count": 5}

    async def refuse(site: Site) -> None:
        await site.azure("POST", "/_faults", fault)

    on_site(healthy, refuse)
    code, document = report(healthy, "smoke", *fired(healthy))
    tests = by_inlet(document)
    assert (2, "unknown") == (code, tests["event_grid"]["verdict"])
    assert "EventGrid Data Sender" in tests["event_grid"]["advice"]
    assert 4 == [one["verdict"] for one in tests.values()].count("ok")


def test_a_wrong_key_fails_at_once(healthy: Sandbox):
    """Nothing is sent anywhere."""
    stranger = dataclasses.replace(healthy, function_key="wrong")
    code, document = report(stranger, "smoke")
    assert (1, ["app"]) == (code, [one["inlet"] for one in document["tests"]])
