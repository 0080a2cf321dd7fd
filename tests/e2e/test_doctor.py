"""``nightshift doctor`` on a whole deployment: in good order, and with each kind of fault."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from sandbox import deployment as deployed
from sandbox.demo.site import Site
from sandbox.imds import Machine, tokens_of
from sandbox.imds_notices import Platform
from sandbox.state_folder import Sandbox
from shared.adapters.table_upkeep import TableForwarders
from shared.core.beats import Beat
from tests.deployed import Json, a_deployment, change, command, on_site, report
from tests.emulated import emulated_storage
from tests.forwarding import Around, a_forwarder

RULES = "night-rules"
VM = f"{deployed.GROUP}/providers/Microsoft.Compute/virtualMachines/trainer-1"
GUID = "00000000-0000-0000-0000-00000000000"
DEALLOCATE = "Microsoft.Compute/virtualMachines/deallocate/action"
NEEDED = "rule deallocate-idle-machines (deallocate_idle: deallocate)"
AUTO = "rules:\n  - name: deallocate-idle-machines\n    mode: auto\n"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A deployment whose rules come from a container, one of which acts by itself."""
    state = tmp_path_factory.mktemp("doctor")
    more = {"NIGHTSHIFT_RULES_CONTAINER": RULES, "NIGHTSHIFT_RULES_POLL": "10s"}
    with a_deployment(state, **more) as up:
        with BlobServiceClient.from_connection_string(up.storage_connection_string) as blobs:
            container = blobs.create_container(RULES)
            container.upload_blob("acting.yaml", AUTO)
        _await_rule(up)
        yield up


@pytest.fixture
def healthy(sandbox: Sandbox) -> Sandbox:
    """The deployment in good order."""
    on_site(sandbox, _as_new)
    return sandbox


async def _as_new(site: Site) -> None:
    await site.azure("DELETE", "/_faults")
    await site.azure("PUT", "/_world", {})
    await deployed.deploy(site)


def bad(document: Json) -> list[Json]:
    """What is failed or unknown."""
    return [one for one in document["findings"] if one["verdict"] in {"failed", "unknown"}]


def test_a_deployment_in_good_order_passes(healthy: Sandbox):
    """Every check has looked, and nothing is wrong."""
    code, document = report(healthy, "doctor")
    assert (0, []) == (code, bad(document))
    checks = {one["check"] for one in document["findings"]}
    assert checks >= {
        *("version", "health", "identity", "roles", "tables", "queues", "containers"),
        *("dead_letters", "clock", "rules", "plans", "export", "ingestion", "forwarders"),
        *("app", "functions", "sign_in", "account", "event_subscriptions", "audit_rule"),
        *("alerts", "topics"),
    }


def test_people_read_a_line_a_check_and_a_sum(healthy: Sandbox):
    """And the key is in none of it."""
    code, said, _ = command(healthy, "doctor")
    assert 0 == code
    assert "event_subscriptions  4 subscriptions lead here, with dead letters" in said
    assert said.rstrip().endswith("in order")
    assert healthy.function_key not in said
    assert "code=" not in said


def found(resources: list[Json], resource_id: str) -> Json:
    """Find a resource's properties."""
    wanted = resource_id.casefold()
    [one] = [one for one in resources if one["id"].casefold() == wanted]
    properties: Json = one["properties"]
    return properties


def drop(resource_id: str) -> Callable[[list[Json]], None]:
    """Delete a resource."""

    def work(resources: list[Json]) -> None:
        resources[:] = [one for one in resources if one["id"] != resource_id]

    return work


def put(resource_id: str, *path: str, to: Any) -> Callable[[list[Json]], None]:
    """Set one property."""

    def work(resources: list[Json]) -> None:
        inner = found(resources, resource_id)
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to

    return work


def a_role(actions: list[str], not_actions: list[str]) -> Callable[[list[Json]], None]:
    """Give the app's identity this role, and no other."""

    def work(resources: list[Json]) -> None:
        kind = f"{deployed.SUBSCRIPTION}/providers/Microsoft.Authorization"
        role = f"{kind}/roleDefinitions/{GUID}1"
        permission = {
            "actions": actions,
            "notActions": not_actions,
            "dataActions": ["*"],
            "notDataActions": [],
        }
        resources.append({"id": role, "properties": {"permissions": [permission]}})
        assigned = {"roleDefinitionId": role}
        resources.append({"id": f"{kind}/roleAssignments/{GUID}2", "properties": assigned})

    return work


def _without_column(resources: list[Json]) -> None:
    streams = found(resources, deployed.RULE)["streamDeclarations"]
    columns = streams["Custom-NightshiftPlans_CL"]["columns"]
    columns[:] = [one for one in columns if one["name"] != "MarginSeconds"]
    next(one for one in columns if one["name"] == "Waits")["type"] = "string"


def _by_key(resources: list[Json]) -> None:
    name = f"{deployed.GRID}/nightshift-ml/eventSubscriptions/nightshift-queue"
    properties = found(resources, name)
    properties["destination"] = properties.pop("deliveryWithResourceIdentity")["destination"]


def _elsewhere(resources: list[Json]) -> None:
    receivers = found(resources, deployed.ACTIONS)["azureFunctionReceivers"]
    receivers[0]["functionAppResourceId"] = f"{deployed.APP}-old"


def _unattached(resources: list[Json]) -> None:
    found(resources, f"{deployed.INSIGHTS}/metricAlerts/batch-tasks-failed")["actions"] = []


HEALTH = f"{deployed.GRID}/nightshift-health/eventSubscriptions/nightshift"
MAINTENANCE = f"{deployed.GRID}/nightshift-maintenance/eventSubscriptions/nightshift"
FORWARDED = f"{deployed.TOPIC}/eventSubscriptions/nightshift"
FUNCTION = f"{deployed.APP}/functions/carry_out_plan"
FAULTS: dict[str, tuple[Callable[[list[Json]], None], str, str, str]] = {
    "a role is missing": (
        a_role(["*/read"], []),
        "roles",
        f"missing: {DEALLOCATE}, needed by {NEEDED}",
        f"az role assignment create .*--scope {deployed.SUBSCRIPTION}",
    ),
    "the alert's group points elsewhere": (
        _elsewhere,
        "alerts",
        "no action group points to ",
        "actiongroups.bicep",
    ),
    "a column is missing": (
        _without_column,
        "audit_rule",
        "MarginSeconds (real) is missing",
        "logs.bicep",
    ),
    "storage opens to keys": (
        put(deployed.STORAGE, "allowSharedKeyAccess", to=True),
        "account",
        "its keys open it",
        "az storage account update .*--allow-shared-key-access false",
    ),
    "a function is missing": (drop(FUNCTION), "functions", "carry_out_plan", "deploy again"),
    "the app is stopped": (
        put(deployed.APP, "state", to="Stopped"),
        "app",
        "its state is Stopped",
        "az functionapp start -g rg-nightshift -n nightshift-app",
    ),
    "notices reach nobody": (
        drop(MAINTENANCE),
        "event_subscriptions",
        f"no subscription brings maintenance notices of {deployed.SUBSCRIPTION} to ",
        "eventgrid.bicep",
    ),
    "a subscription has failed": (
        put(HEALTH, "provisioningState", to="Failed"),
        "event_subscriptions",
        "nightshift-health/nightshift is Failed",
        "eventgrid.bicep",
    ),
    "the queue is filled by key": (
        _by_key,
        "event_subscriptions",
        "writes into the queue without an identity",
        "deliveryWithResourceIdentity",
    ),
    "heartbeats are filtered out": (
        put(
            FORWARDED,
            "filter",
            to={"includedEventTypes": ["Nightshift.ScheduledEvents.Document"]},
        ),
        "event_subscriptions",
        "does not let Nightshift.Forwarder.Heartbeat through",
        "includedEventTypes",
    ),
}


@pytest.fixture(scope="module")
def all_at_once(sandbox: Sandbox) -> list[Json]:
    """Every fault of the wiring at once, and one look."""
    on_site(sandbox, _as_new)
    change(sandbox, *(mutate for mutate, *_ in FAULTS.values()))
    code, document = report(sandbox, "doctor")
    on_site(sandbox, _as_new)
    assert 1 == code
    return bad(document)


def _await_rule(sandbox: Sandbox) -> None:
    """Wait until the container's rule is in force."""
    until = time.monotonic() + 120

    async def modes(site: Site) -> set[str]:
        _, said = await site.call("GET", "/api/rules")
        return {one["mode"] for one in said["rules"]}

    while "auto" not in on_site(sandbox, modes):
        assert time.monotonic() < until
        time.sleep(1)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_told_what_to_do_about(all_at_once: list[Json], fault: str):
    """Although ten others are there: one hides no other."""
    _, check, words, advice = FAULTS[fault]
    said = [one for one in all_at_once if one["check"] == check]
    matching = [one for one in said if words in " | ".join([one["said"], *one["items"]])]
    assert matching, said
    assert re.search(advice, matching[0]["advice"]), matching[0]["advice"]


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        (
            a_role(["*"], ["*/deallocate/action"]),
            "roles",
            f"excluded by NotActions .*{DEALLOCATE}",
        ),
        (
            put(deployed.RULE, "immutableId", to="dcr-other"),
            "audit_rule",
            "has the id dcr-0123",
        ),
        (_unattached, "alerts", "1 alert rules beside the app use no action group"),
        (
            put(HEALTH, "deadLetterWithResourceIdentity", to=None),
            "event_subscriptions",
            "no dead letters",
        ),
        (put(deployed.ACTIONS, "enabled", to=False), "alerts", "is switched off"),
    ],
    ids=["excluded", "another rule", "unattached", "no dead letters", "group off"],
)
def test_a_fault_alone_is_the_only_one_found(
    healthy: Sandbox, fault: Callable[[list[Json]], None], check: str, words: str
):
    """What is whole stays good."""
    change(healthy, fault)
    code, document = report(healthy, "doctor")
    assert 1 == code
    assert [check] == [one["check"] for one in bad(document)]
    [one] = bad(document)
    assert re.search(words, " | ".join([one["said"], *one["items"]]))
    assert one["advice"]


def test_what_lies_in_storage_is_found(healthy: Sandbox):
    """Dead letters with the oldest, and what failed every time."""
    connection = healthy.storage_connection_string
    with BlobServiceClient.from_connection_string(connection) as blobs:
        container = blobs.get_container_client(deployed.DEAD_LETTERS)
        container.upload_blob("NIGHTSHIFT/2030/1/1/3/a.json", b"[]")
        with QueueClient.from_connection_string(connection, "plans-poison") as queue:
            # Hidden from its function: as if that did not run.
            sent = queue.send_message("e30=", visibility_timeout=3600)
            code, document = report(healthy, "doctor")
            queue.delete_message(sent)
        container.delete_blob("NIGHTSHIFT/2030/1/1/3/a.json")
    faults = {one["check"]: one for one in bad(document)}
    assert (1, {"dead_letters", "queues"}) == (code, set(faults))
    assert "1 blobs of events that Event Grid gave up on" in faults["dead_letters"]["said"]
    assert f"{datetime.now(UTC):%Y-%m-%d}" in faults["dead_letters"]["said"]
    assert "deadLetterReason" in faults["dead_letters"]["advice"]
    assert "1 messages wait in plans-poison" == faults["queues"]["said"]
    assert "carry_out_plan_poison" in faults["queues"]["advice"]


def test_a_silent_forwarder_is_found_and_one_whose_machine_is_gone_is_not(healthy: Sandbox):
    """The machine is there and its forwarder said nothing for an hour."""
    change(healthy, lambda all_: all_.append({"id": VM, "location": "westeurope"}))
    heard = datetime.now(UTC) - timedelta(hours=1)
    beat = Beat(VM, "1.1", timedelta(minutes=15), heard, heard)
    gone = Beat(f"{VM}-gone", "1.1", timedelta(minutes=15), heard, heard)
    asyncio.run(_note(healthy, beat, gone))
    code, document = report(healthy, "doctor")
    asyncio.run(_note(healthy))
    [fault] = bad(document)
    assert (1, "forwarders", "silent") == (code, fault["check"], fault["about"])
    assert fault["items"][0].startswith(f"{VM}: silent for 1h")
    assert "journalctl -u nightshift-forwarder" in fault["advice"]
    told = [one for one in document["findings"] if one["about"] == "gone"]
    assert [f"{VM}-gone"] == told[0]["items"]


async def _note(sandbox: Sandbox, *beats: Beat) -> None:
    """Put beats on the roll; with none, take those of these tests off it."""
    storage = emulated_storage(sandbox.storage_connection_string)
    store = TableForwarders(storage)
    for beat in beats:
        await store.note(beat)
    if not beats:
        await store.drop([VM, f"{VM}-gone"])
    await storage.close()


def test_a_real_forwarders_heartbeat_is_heard_by_the_way_of_notices(
    healthy: Sandbox, tmp_path: Path
):
    """Machine, identity, topic, subscription, trigger, table, route."""
    said = deployed.sign_in(healthy)
    issue = tokens_of(said["IDENTITY_ENDPOINT"], said["IDENTITY_HEADER"], healthy.ca_file)
    machine = Machine(Platform(issue_token=issue), VM).listen()
    topic = f"{healthy.azure_url}/eventgrid/nightshift-forwarder/api/events"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", healthy.ca_file)
        more = {"topic": topic, "app": "", "heartbeat": 0.5}
        with a_forwarder(machine, Around(), tmp_path, **more) as forwarder:
            roll = _roll(healthy, lambda: forwarder.log)
    machine.close()
    asyncio.run(_note(healthy))
    [one] = roll
    assert (VM, "heard", 0) == (one["machine"], one["state"], one["waiting"])


def _roll(sandbox: Sandbox, why: Callable[[], str]) -> list[Json]:
    until = time.monotonic() + 120

    async def ask(site: Site) -> list[Json]:
        _, said = await site.call("GET", "/api/forwarders")
        forwarders: list[Json] = said["forwarders"]
        return forwarders

    while not (roll := on_site(sandbox, ask)):
        assert time.monotonic() < until, why()
        time.sleep(0.3)
    return roll


def _await_faults(sandbox: Sandbox, *, any_: bool) -> list[Json]:
    """Look until there are faults, or until there are none."""
    until = time.monotonic() + 120
    while bool(faults := bad(report(sandbox, "doctor")[1])) is not any_:
        assert time.monotonic() < until, faults
        time.sleep(1)
    return faults


def test_rules_that_do_not_load_are_found(healthy: Sandbox):
    """Named with file, line and what to write; the app goes on with those before."""
    connection = healthy.storage_connection_string
    with BlobServiceClient.from_connection_string(connection) as blobs:
        container = blobs.get_container_client(RULES)
        container.upload_blob("broken.yaml", "rules:\n  - name: x\n    onn: vm.preempt\n")
        _await_faults(healthy, any_=True)  # this look may have begun before the app's own
        faults = bad(report(healthy, "doctor")[1])
        container.delete_blob("broken.yaml")
        assert [] == _await_faults(healthy, any_=False)
    assert {"health", "rules"} == {one["check"] for one in faults}
    [fault] = [one for one in faults if one["check"] == "rules"]
    assert "broken.yaml:2" in fault["items"][0] or "broken.yaml:3" in fault["items"][0]
    assert "nightshift rules check" in fault["advice"]


def test_what_may_not_be_read_is_unknown_and_hides_nothing(healthy: Sandbox):
    """Exit 2: nothing failed, and not everything was seen."""

    async def refuse(site: Site) -> None:
        await site.azure(
            "POST",
            "/_faults",
            [
                {"pattern": "GET .*/actionGroups", "status": 403, "count": 9},
                {"pattern": "GET .*/permissions", "status": 403, "count": 9},
            ],
        )

    on_site(healthy, refuse)
    code, document = report(healthy, "doctor")
    assert (2, {"alerts", "roles"}) == (code, {one["check"] for one in bad(document)})
    advice = {one["check"]: one["advice"] for one in bad(document)}
    assert "az role assignment create --role Reader" in advice["alerts"]
    assert "Microsoft.Authorization/permissions/read" in advice["roles"]


def test_an_app_that_does_not_answer_is_a_failure_with_a_way_on(healthy: Sandbox):
    """A wrong key, and an address where nobody is."""
    code, document = report(healthy, "doctor", "--skip", "roles")
    assert 0 == code
    stranger = dataclasses.replace(healthy, function_key="wrong")
    code, document = report(stranger, "doctor")
    assert (1, ["health"]) == (code, [one["check"] for one in document["findings"]])
    assert "az functionapp keys list" in document["findings"][0]["advice"]
    nobody = dataclasses.replace(healthy, functions_url="http://127.0.0.1:1")
    code, document = report(nobody, "doctor")
    assert 1 == code
    assert "az functionapp show" in document["findings"][0]["advice"]
