"""The way from an eviction to a cordon, in a process of its own, as deployed."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.contract.azure_standin.running import ROOT
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud

SCRIPT = """
import asyncio, json, sys
from shared.adapters.aks import AksClusters
from shared.adapters.arm import ArmReader
from shared.adapters.credentials import credential
from shared.adapters.resources import AzureResources
from shared.core.settings import Settings
at_start = set(sys.modules)

async def main(url, vm):
    settings = Settings(resource_manager=url)
    async with credential(settings) as identity:
        arm = ArmReader(identity, settings)
        cluster = AksClusters(identity, arm, settings)
        resource, node = await asyncio.gather(
            AzureResources(arm).resource(vm), cluster.find_node(vm)
        )
        cordoned = await cluster.cordon(node, by="plan-a")
        await cluster.close()
        await arm.close()
    heavy = ("azure.mgmt", "azure.batch", "azure.ai", "azure.monitor", "azure.storage")
    print(json.dumps({
        "start": sorted(m for m in at_start if m.startswith(("azure", "aiohttp", "yaml"))),
        "heavy": sorted(m for m in sys.modules if m.startswith(heavy)),
        "cordoned": [cordoned.name, cordoned.is_unschedulable],
        "size": resource.size,
    }))

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_cordon_needs_no_management_library(azure: Cloud) -> None:
    """Cold start to first effect is the only budget a spot eviction leaves."""
    assert azure.standin is not None
    command = [sys.executable, "-c", SCRIPT, azure.standin.url, w.INSTANCE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    said = json.loads(done.stdout)
    assert {
        "start": [],
        "heavy": [],
        "cordoned": [w.NODE, True],
        "size": w.GPU_SIZE,
    } == said


async def test_a_free_node_is_cordoned_by_one_call(azure: Cloud) -> None:
    """The write names the version that was read, so a second read would only cost time."""
    assert azure.standin is not None
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    before = len(azure.standin.calls(containing=f"nodes/{w.NODE}"))
    cordoned = await azure.cluster.cordon(node, by="plan-a")
    calls = azure.standin.calls(containing=f"nodes/{w.NODE}")[before:]
    assert (True, ("plan-a",)) == (cordoned.is_unschedulable, cordoned.cordoned_by)
    assert [("PATCH", 200)] == [(call["method"], call["status"]) for call in calls]


async def test_a_node_that_changed_since_it_was_read_is_looked_at_again(azure: Cloud) -> None:
    """A kubelet may write at any moment, and a person's cordon must not be overwritten."""
    assert azure.standin is not None
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    await azure.cluster.cordon(node, by="plan-a")
    before = len(azure.standin.calls(containing=f"nodes/{w.NODE}"))
    both = await azure.cluster.cordon(node, by="plan-b")
    calls = azure.standin.calls(containing=f"nodes/{w.NODE}")[before:]
    assert ("plan-a", "plan-b") == both.cordoned_by
    assert [("PATCH", 409), ("GET", 200), ("PATCH", 200)] == [
        (call["method"], call["status"]) for call in calls
    ]


async def test_instances_of_one_scale_set_share_its_reading(azure: Cloud) -> None:
    """A storm of evictions would otherwise read one scale set a thousand times."""
    assert azure.standin is not None
    assert await azure.resources.resource(w.INSTANCE) is not None
    assert await azure.resources.resource(w.NAMESAKE) is not None
    paths = [call["path"] for call in azure.standin.calls(containing=w.SET_NAME)]
    own = [path.partition("?")[0] for path in paths]
    assert 1 == sum(path.casefold() == w.SCALE_SET.casefold() for path in own)
