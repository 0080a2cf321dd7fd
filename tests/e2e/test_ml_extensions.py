"""The Azure ML extension from the survey's tick to the cluster: mended, told, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, resource, until
from sandbox.state_folder import Sandbox
from shared.core.ml_extension import ClusterKind, expected
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers"
AKS = f"{GROUP}/Microsoft.ContainerService/managedClusters/train"
ARC = f"{GROUP}/Microsoft.Kubernetes/connectedClusters/plant"
UNDER = "providers/Microsoft.KubernetesConfiguration/extensions"
SICK, ODD = f"{AKS}/{UNDER}/azureml", f"{ARC}/{UNDER}/azureml"
TRAINING = {"enableTraining": "True"}
RULES = """
rules:
  - name: repair
    on: extension.degraded
    remediate: repair_extension
    mode: auto
"""


def workloads(broken: str = "") -> list[Json]:
    """Every component for training on AKS, as manifests; one of them may not start."""
    made: list[Json] = []
    for part in expected(TRAINING, ClusterKind.MANAGED, "azureml"):
        ready = 0 if part.name == broken else 1
        labels = {"app": part.name}
        status = (
            {"desiredNumberScheduled": 1, "numberReady": ready}
            if part.kind == "DaemonSet"
            else {"readyReplicas": ready}
        )
        made.append(
            {
                "apiVersion": "apps/v1",
                "kind": part.kind,
                "metadata": {"name": part.name, "namespace": "azureml"},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}},
                "status": status,
            }
        )
    return made


def extension(name: str, state: str, settings: Json, **more: Any) -> Json:
    """Write an extension as the resource manager shows it."""
    said = {
        "extensionType": "microsoft.azureml.kubernetes",
        "provisioningState": state,
        "configurationSettings": settings,
        "statuses": [{"code": "HelmError", "level": "Error", "message": "timed out"}]
        if state == "Failed"
        else [],
    }
    return {"id": name, "properties": said, **more}


def world() -> Json:
    """AKS with a failed extension whose gateway does not start; Arc with wrong settings."""
    aks = {"nodeResourceGroup": "mc_lab", "agentPoolProfiles": [{"count": 3}]}
    inference = {"enableInference": "True", "allowInsecureConnections": "True"}
    return {
        "resources": [
            {"id": AKS, "location": "westeurope", "properties": aks},
            extension(SICK, "Failed", TRAINING, _installs=workloads()),
            {"id": ARC, "location": "westeurope", "properties": {"totalNodeCount": 3}},
            extension(ODD, "Succeeded", inference),
        ],
        "kubernetes": {AKS: {"objects": workloads(broken="gateway")}},
        "settings": {"operation_seconds": 0.1},
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose one rule repairs extensions."""
    folder = tmp_path_factory.mktemp("extensions")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


def ready(seen: Json, name: str) -> int:
    """Count a Deployment's ready pods, read back from the cluster."""
    objects = seen["kubernetes"][AKS]["objects"]
    [found] = [
        one
        for one in objects
        if one["kind"] == "Deployment" and one["metadata"]["name"] == name
    ]
    count: int = found["status"].get("readyReplicas", 0)
    return count


async def test_a_failed_extension_is_mended_and_wrong_settings_go_to_a_person(site: Site):
    """Read back from Azure and from the cluster; the other is touched by nobody."""
    await site.fire("tick_survey")

    async def is_over() -> bool:
        _, plans = await site.call("GET", "/api/plans")
        return len(plans["plans"]) == 2 and all(p["state"] == "closed" for p in plans["plans"])

    assert await until(is_over)
    seen = await site.world()
    mended, odd = resource(seen, SICK), resource(seen, ODD)
    assert mended is not None
    assert odd is not None
    assert ("Succeeded", TRAINING) == (
        mended["properties"]["provisioningState"],
        mended["properties"]["configurationSettings"],
    )
    assert 1 == ready(seen, "gateway")
    assert {SICK: 1} == seen["observed"]["extension_updates"]
    _, said = await site.call("GET", "/api/plans")
    verbs = {p["signal"]["target"]: [s["verb"] for s in p["steps"]] for p in said["plans"]}
    assert {SICK: ["extension_repair"], ODD: ["tell"]} == verbs


async def test_a_person_who_asks_for_wrong_settings_is_told_each_problem(site: Site):
    """Nothing is sent; the extension stays as it is."""
    body = {"target": SICK, "with": {"settings": ["enableInference=True"]}}
    _, said = await site.call("POST", "/api/runbooks/update_extension", body)
    for name in ("inferenceRouterServiceType", "sslCname"):
        assert name in str(said)
    held = resource(await site.world(), SICK)
    assert held is not None
    assert TRAINING == held["properties"]["configurationSettings"]
