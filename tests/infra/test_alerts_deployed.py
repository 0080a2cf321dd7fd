"""Which alert rules a deployment makes, of what, and whom they tell."""

from __future__ import annotations

import json

import pytest

from shared.core.settings import Settings
from tests.infra.bicep import INFRA
from tests.infra.deployed import GROUP, SUBSCRIPTION, deploy, of
from tests.unit.parsing.samples import CLUSTER, WORKSPACE

MODULES = INFRA / "modules"
RULES = json.loads((MODULES / "alert-rules.json").read_text(encoding="utf-8"))
OURS = {rule["name"] for rules in RULES.values() for rule in rules if rule.get("isOurs")}
METRIC = "Microsoft.Insights/metricAlerts"
LOG = "Microsoft.Insights/scheduledQueryRules"
ACTIVITY = "Microsoft.Insights/activityLogAlerts"
BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/"
GIVEN = {
    "location": "west",
    "baseName": "nightshift-abc123",
    "actionGroupId": "answers",
    "peopleGroupId": "people",
    "workspaceId": "logs",
    "functionAppId": "app",
    "storageId": "storage",
    "systemTopicIds": ["maintenance", "health"],
    "topicIds": ["forwarder"],
    "machineRegions": ["west", "north"],
    "batchAccountIds": [f"{BATCH}one", f"{BATCH}two"],
    "mlWorkspaceIds": [WORKSPACE],
    "endpointIds": [f"{WORKSPACE}/onlineEndpoints/chat"],
    "aksClusterIds": [CLUSTER],
}


def alerts(**given):
    """Work the alerts out."""
    return deploy(MODULES / "alerts.bicep", GROUP, **{**GIVEN, **given})


def told(one):
    """Return the groups that an alert tells."""
    actions = one.properties["actions"]
    groups = actions["actionGroups"] if isinstance(actions, dict) else actions
    return {group if isinstance(group, str) else group["actionGroupId"] for group in groups}


def is_ours(one):
    """Tell whether an alert is about Nightshift itself, by its name."""
    short = one.name.removeprefix("nightshift-abc123-")
    return short == "stopped" or any(short.startswith(name) for name in OURS)


def test_every_alert_tells_who_can_do_something_about_it():
    """Nightshift cannot answer for its own silence; people are not woken for its work."""
    made = [one for kind in (METRIC, LOG, ACTIVITY) for one in of(alerts(), kind)]
    assert {one.name: {"people"} if is_ours(one) else {"answers"} for one in made} == {
        one.name: told(one) for one in made
    }


def test_each_resource_has_each_rule_of_its_kind():
    """A second Batch account is watched as the first is."""
    scopes = [one.properties["scopes"][0] for one in of(alerts(), METRIC)]
    rules = [rule["scope"] for rule in RULES["metric"]]
    counts = {scope: rules.count(scope) for scope in rules}
    assert counts["batch"] == scopes.count(f"{BATCH}one") == scopes.count(f"{BATCH}two")
    assert counts["ml"] == scopes.count(WORKSPACE)
    assert counts["aks"] == scopes.count(CLUSTER)
    assert counts["storage"] == scopes.count("storage")
    assert counts["systemTopics"] == scopes.count("maintenance") == scopes.count("health")
    assert counts["topics"] == scopes.count("forwarder")
    named = [one for ids in GIVEN.values() if isinstance(ids, list) for one in ids]
    regions = {"west", "north"}
    assert {*named, "storage", f"/subscriptions/{SUBSCRIPTION}"} - regions == set(scopes)
    by_region = [
        one.properties["targetResourceRegion"]
        for one in of(alerts(), METRIC)
        if "targetResourceRegion" in one.properties
    ]
    assert counts["machines"] * ["west", "north"] == by_region


def test_with_nothing_named_what_is_of_the_subscription_is_watched():
    """The defaults name no account, workspace, endpoint or cluster."""
    named = ("batchAccountIds", "mlWorkspaceIds", "endpointIds", "aksClusterIds")
    made = alerts(**dict.fromkeys(named, ()), systemTopicIds=[], topicIds=[])
    found = {one.name.removeprefix("nightshift-abc123-") for one in of(made, METRIC)}
    assert {name.partition("-unavailable")[0] for name in found} == {"machine", "ledger"}
    assert len(list(of(made, LOG))) == len(RULES["log"])


@pytest.mark.parametrize("is_enabled", [True, False])
def test_what_is_watched_can_be_left_to_others_and_nightshift_cannot(is_enabled):
    """Where other alert rules are there already; nobody else has any about Nightshift."""
    made = alerts(isEnabled=is_enabled)
    for one in (one for kind in (METRIC, LOG, ACTIVITY) for one in of(made, kind)):
        assert (is_enabled or is_ours(one)) == one.properties["enabled"], one.name


def test_a_log_alert_says_which_machine_it_is_about_where_its_rows_do():
    """Else the alert's target is the workspace, and the rule has nothing to look at."""
    columns = {
        one.name.removeprefix("nightshift-abc123-"): one.properties["criteria"]["allOf"][0]
        for one in of(alerts(), LOG)
    }
    about = {name for name, one in columns.items() if one["resourceIdColumn"]}
    assert {"heartbeat-lost", "gpu-idle", "gpu-fault"} <= about
    assert {"sweep-silent", "deadlines-missed"} & about == set()


def test_the_streams_are_those_that_the_app_sends_to():
    """Their names are settings of the app, left at their defaults."""
    logs = deploy(
        MODULES / "logs.bicep",
        GROUP,
        location="west",
        baseName="nightshift-abc123",
        principalId="p",
    )
    (rule,) = of(logs, "Microsoft.Insights/dataCollectionRules")
    settings = Settings()
    sent = {settings.plans_stream, settings.steps_stream, settings.decisions_stream}
    assert sent == set(rule.properties["streamDeclarations"])
    flows = rule.properties["dataFlows"]
    assert sent == {stream for flow in flows for stream in flow["streams"]}
    assert sent == {flow["outputStream"] for flow in flows}
    tables = {one.name for one in of(logs, "Microsoft.OperationalInsights/workspaces/tables")}
    assert sent == {f"Custom-{name}" for name in tables}


def test_the_tables_come_to_the_workspace_that_is_there_already():
    """In its own resource group and subscription; none is made beside it."""
    other = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000002/resourceGroups/central"
    there = f"{other}/providers/Microsoft.OperationalInsights/workspaces/all-logs"
    logs = deploy(
        MODULES / "logs.bicep",
        GROUP,
        location="west",
        baseName="nightshift-abc123",
        principalId="p",
        existingWorkspaceId=there,
    )
    assert list(of(logs, "Microsoft.OperationalInsights/workspaces")) == []
    tables = list(of(logs, "Microsoft.OperationalInsights/workspaces/tables"))
    assert {there.casefold()} == {one.scope.casefold() for one in tables}
    assert there.casefold() == logs.output("workspaceId").casefold()
