"""One suite, two clouds: the fakes, and the real adapters against the local stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from shared.adapters.extensions import AzureExtensions
from shared.adapters.patching import ArmPatching
from shared.core.settings import Settings
from tests.contract.azure_standin.running import Standin, started
from tests.contract.cloud import fake_world
from tests.contract.cloud.clouds import Cloud
from tests.contract.cloud.world_document import document
from tests.fakes.restore_points import FakeRestorePoints


@pytest.fixture(scope="session")
def one_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One stand-in for all tests of this folder.

    Deployed code has ``SSL_CERT_FILE`` before aiohttp is imported. A test process has
    imported it long before, so the authority is added to the trust aiohttp already has.
    """
    from aiohttp import connector

    with started(tmp_path_factory.mktemp("cloud")) as running:
        connector._SSL_CONTEXT_VERIFIED.load_verify_locations(cafile=running.ca_file)
        yield running


@pytest.fixture
def local_azure(one_azure: Standin, monkeypatch: pytest.MonkeyPatch) -> Standin:
    """The stand-in; the environment tells clients of it for the length of one test."""
    for name, value in one_azure.environment.items():
        monkeypatch.setenv(name, value)
    return one_azure


@pytest.fixture
async def azure(local_azure: Standin) -> AsyncIterator[Cloud]:
    """The real adapters, and a fresh world behind them."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.arm import ArmReader
    from shared.adapters.batch import AzureBatch
    from shared.adapters.batch_nodes import AzureBatchNodes
    from shared.adapters.credentials import credential
    from shared.adapters.estate import ArmEstate
    from shared.adapters.leftovers import ArmLeftovers
    from shared.adapters.machine_learning import AzureMachineLearning
    from shared.adapters.monitor_metrics import AzureMetrics
    from shared.adapters.replacement import AzureReplacement
    from shared.adapters.resources import AzureResources
    from shared.adapters.restore_points import AzureRestorePoints
    from shared.adapters.run_commands import AzureCommands
    from shared.adapters.shared_pools import AzureSharedPools
    from shared.adapters.snapshots import ArmSnapshots
    from shared.adapters.virtual_machines import AzureCompute
    from shared.adapters.vm_care import AzureVmCare

    local_azure.put_world(document())
    settings = Settings(
        resource_manager=local_azure.url, metrics_endpoint=f"{local_azure.url}/metrics"
    )
    async with AsyncExitStack() as closing:
        identity = await closing.enter_async_context(credential(settings))
        arm = ArmReader(identity, settings)
        compute = AzureCompute(identity, arm, settings)
        batch = AzureBatch(identity, arm, settings)
        cloud = Cloud(
            resources=AzureResources(arm),
            compute=compute,
            replacement=AzureReplacement(compute.clients),
            metrics=AzureMetrics(identity, settings),
            learning=AzureMachineLearning(settings, arm),
            batch=batch,
            batch_nodes=AzureBatchNodes(batch, arm),
            commands=AzureCommands(compute.clients, arm),
            shared_pools=AzureSharedPools(compute.clients),
            estate=ArmEstate(arm),
            extensions=AzureExtensions(identity, arm, settings),
            leftovers=ArmLeftovers(arm),
            vm_care=AzureVmCare(compute.clients, arm),
            online_endpoints=_endpoints(identity, arm, settings),
            snapshots=ArmSnapshots(arm),
            restore_points=AzureRestorePoints(arm, compute.clients),
            patching=ArmPatching(arm, ArmEstate(arm)),
            cluster=AksClusters(identity, arm, settings),
            standin=local_azure,
        )
        parts: list[Any] = [cloud.compute, cloud.metrics, cloud.learning, cloud.batch]
        parts += [cloud.online_endpoints]
        for part in (arm, *parts, cloud.cluster, cloud.extensions):
            closing.push_async_callback(part.close)
        yield cloud


def _endpoints(identity: Any, arm: Any, settings: Settings) -> Any:
    """Put the adapter of online endpoints together, as the app does."""
    from shared.adapters.metric_batches import MetricBatches
    from shared.adapters.ml_endpoints import ArmOnlineEndpoints

    return ArmOnlineEndpoints(arm, MetricBatches(identity, settings))


@pytest.fixture
def fakes() -> Cloud:
    """The fakes, in the same world."""
    compute = fake_world.compute()
    cluster = fake_world.cluster()
    return Cloud(
        resources=fake_world.resources(),
        compute=compute,
        replacement=fake_world.replacement(compute),
        metrics=fake_world.metrics(),
        learning=fake_world.learning(),
        batch=fake_world.batch(),
        batch_nodes=fake_world.batch_nodes(),
        commands=fake_world.commands(),
        shared_pools=fake_world.shared_pools(),
        estate=fake_world.estate(),
        extensions=fake_world.extensions(cluster),
        leftovers=fake_world.leftovers(),
        patching=fake_world.patching(),
        vm_care=fake_world.vm_care(compute),
        online_endpoints=fake_world.online_endpoints(),
        snapshots=fake_world.snapshots(compute),
        restore_points=FakeRestorePoints(compute=compute),
        cluster=cluster,
    )


@pytest.fixture(params=["fakes", "azure"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Either cloud: what one promises, the other keeps."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Cloud)
    return found
