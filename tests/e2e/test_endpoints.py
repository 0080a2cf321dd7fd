"""Care of online endpoints, from an alert to the split that the endpoint then has.

What was called is held against the role table, too: the demo has no such world.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo.site import Json, Site, resource
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox
from shared.core.ml_endpoints import GOOD_TAG
from shared.core.operations import VERBS
from shared.core.steps import Verb
from tests.wiring.test_granted import granted, operation

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
RULES = """
rules:
  - name: back
    on: endpoint.degraded
    remediate: roll_back_traffic
    mode: auto
  - name: ask
    on: endpoint.degraded
    remediate: ask_a_person
    with:
      message: Ada decides
    mode: auto
    notify: teams
"""


def endpoint(name: str, split: Json, good: str) -> list[Json]:
    """Write an endpoint and its two deployments."""
    one = f"{WORKSPACE}/onlineEndpoints/{name}"
    said = {"authMode": "Key", "provisioningState": "Succeeded", "traffic": split}
    deployment = {"endpointComputeType": "Managed", "provisioningState": "Succeeded"}
    return [
        {
            "id": one,
            "location": "westeurope",
            "kind": "Managed",
            "tags": {"team": "vision", **({GOOD_TAG: good} if good else {})},
            "identity": {"type": "SystemAssigned"},
            "properties": {**said, "mirrorTraffic": {}},
        },
        *(
            {
                "id": f"{one}/deployments/{color}",
                "location": "westeurope",
                "sku": {"name": "Default", "capacity": 2},
                "properties": {**deployment, "instanceType": "Standard_DS3_v2"},
            }
            for color in ("blue", "green")
        ),
    ]


def world() -> Json:
    """Three endpoints in a split, one of which nobody wrote the good one of."""
    split = {"blue": 90, "green": 10}
    resources: list[dict[str, Any]] = [
        {"id": WORKSPACE, "location": "westeurope"},
        *endpoint("failing", split, "blue=100"),
        *endpoint("drifting", {"green": 100}, "blue=75 green=25"),
        *endpoint("busy", split, "blue=100"),
        *endpoint("unknown", split, ""),
        *endpoint("new", {"blue": 100}, ""),
        *endpoint("bad", {"blue": 100}, ""),
    ]
    return {
        "resources": resources,
        "metrics": [*answers("new", 0.0), *answers("bad", 30.0)],
        "settings": {"operation_seconds": 0.2},
    }


def answers(name: str, failed: float) -> list[Json]:
    """Say how the green deployment of an endpoint answers, a minute."""
    one = {
        "resourceId": f"{WORKSPACE}/onlineEndpoints/{name}",
        "namespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    }
    green = {"deployment": "green"}
    counts = {"2xx": 90.0, "5xx": failed}
    return [
        {**one, "name": "RequestLatency_P95", "dimension": green, "constant": 120.0},
        *(
            {
                **one,
                "name": "RequestsPerMinute",
                "dimension": {**green, "statusCodeClass": status},
                "constant": count,
            }
            for status, count in counts.items()
        ),
    ]


def alert(name: str, metric: str = "", custom: Json | None = None, **dimensions: str) -> Json:
    """Write a metric alert about an endpoint, as an action group posts it."""
    now = datetime.now(UTC).isoformat()
    shown = [{"name": key, "value": value} for key, value in dimensions.items()]
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "alertId": f"/subscriptions/{SUBSCRIPTION}/providers/"
                f"Microsoft.AlertsManagement/alerts/{name}",
                "alertRule": name,
                "severity": "Sev1",
                "signalType": "Metric",
                "monitorCondition": "Fired",
                "monitoringService": "Platform",
                "alertTargetIDs": [f"{WORKSPACE}/onlineEndpoints/{name}".lower()],
                "originAlertId": name,
                "firedDateTime": now,
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
            },
            "alertContext": {
                "conditionType": "SingleResourceMultipleMetricCriteria",
                "condition": {
                    "windowSize": "PT5M",
                    "allOf": [
                        {
                            "metricName": metric or "ConnectionsActive",
                            "operator": "GreaterThan",
                            "threshold": "5",
                            "timeAggregation": "Average",
                            "dimensions": shown,
                            "metricValue": 41.0,
                        }
                    ],
                },
            },
            "customProperties": custom or {},
        },
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose rules look after endpoints."""
    state = tmp_path_factory.mktemp("endpoints")
    (state / "rules").mkdir()
    (state / "rules" / "endpoints.yaml").write_text(RULES)
    (state / "world.json").write_text(json.dumps(world()))
    options = SandboxOptions(
        state=state / "sandbox",
        world=state / "world.json",
        rules=(state / "rules",),
        environment={
            "NIGHTSHIFT_SUBSCRIPTIONS": SUBSCRIPTION,
            "NIGHTSHIFT_TEAMS_WEBHOOK": "https://127.0.0.1:9/nobody-listens",
        },
    )
    yield lifecycle.up(options)
    lifecycle.down(options.state)


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def ended(site: Site, name: str) -> tuple[str, str]:
    """Wait for the plan of an alert; say what it was and how it ended."""
    [plan] = await site.closed_plans(name, 1)
    return plan["remediation"], plan["outcome"]


async def split_of(site: Site, name: str) -> tuple[Json, str]:
    """Read back from the world who gets what, and what is written down as good."""
    found = resource(await site.world(), f"{WORKSPACE}/onlineEndpoints/{name}")
    assert found is not None
    assert "vision" == found["tags"]["team"]
    return found["properties"]["traffic"], found["tags"].get(GOOD_TAG, "")


async def test_an_alert_sends_the_traffic_back(site: Site) -> None:
    """By its error rate, and by what a person says that an alert of theirs means."""
    fault = {"deployment": "green", "statusCodeClass": "5xx"}
    await site.send_alert(alert("failing", "RequestsPerMinute", **fault))
    await site.send_alert(alert("drifting", custom={"nightshift": "endpoint.drift"}))
    for name in ("failing", "drifting"):
        assert ("roll_back_traffic", "done") == await ended(site, name)
    assert ({"blue": 100}, "blue=100") == await split_of(site, "failing")
    assert ({"blue": 75, "green": 25}, "blue=75 green=25") == await split_of(site, "drifting")


async def test_what_is_not_clear_is_asked_and_changes_nothing(site: Site) -> None:
    """Many requests may be a busy day; and where nothing was good there is no way back."""
    await site.send_alert(alert("busy", "RequestsPerMinute", deployment="green"))
    await site.send_alert(alert("unknown", "RequestLatency_P95", deployment="green"))
    for name in ("busy", "unknown"):
        assert ("ask_a_person", "done") == await ended(site, name)
    assert ({"blue": 90, "green": 10}, "blue=100") == await split_of(site, "busy")
    assert ({"blue": 90, "green": 10}, "") == await split_of(site, "unknown")


async def roll_out(site: Site, name: str) -> Json:
    """Start the runbook on a new deployment; return its plan once it has closed."""
    target = f"{WORKSPACE}/onlineEndpoints/{name}/deployments/green"
    body = {"target": target, "with": {"soak": "0s"}}
    path = "/api/runbooks/roll_out_deployment"
    status, said = await site.call("POST", path, body, **{"Idempotency-Key": f"out-{name}"})
    assert status in {200, 202}, said
    [plan] = await site.closed_plans(f"out-{name}", 1)
    return dict(plan)


async def test_a_new_deployment_gets_the_traffic_step_by_step(site: Site) -> None:
    """Each step was set and watched; what is there at the end is the good split."""
    plan = await roll_out(site, "new")
    assert "done" == plan["outcome"]
    verbs = ["endpoint_traffic", "endpoint_gate"] * 5 + ["endpoint_traffic"]
    assert verbs == [step["verb"] for step in plan["steps"]]
    assert ({"green": 100}, "green=100") == await split_of(site, "new")


async def test_a_bad_one_is_sent_back_by_its_first_step(site: Site) -> None:
    """Its copies fail already: nobody's request ever reached it."""
    plan = await roll_out(site, "bad")
    [gate] = [step for step in plan["steps"] if step["reason"] == "gate_failed"]
    assert "25.0% of about" in gate["detail"]["because"]
    assert ({"blue": 100}, "blue=100") == await split_of(site, "bad")
    found = resource(await site.world(), f"{WORKSPACE}/onlineEndpoints/bad")
    assert found is not None
    assert {} == found["properties"]["mirrorTraffic"]


async def test_whatever_was_called_is_granted(site: Site) -> None:
    """And what the verbs are granted was called."""
    await roll_out(site, "new")  # once, whichever test asks first
    calls = await site.azure("GET", "/_calls")
    called = {
        operation(call["method"], call["path"])
        for call in calls
        if call["path"].startswith("/subscriptions/")
    }
    assert set() == called - granted()
    verbs = (Verb.ENDPOINT_TRAFFIC, Verb.ENDPOINT_GATE)
    needed = {name.casefold() for verb in verbs for name in VERBS[verb].actions}
    needed -= {"microsoft.insights/metrics/read"}  # asked for at an address of its own
    assert set() == needed - called
