"""Acknowledging a maintenance notice: the real adapter against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.adapters.arm import ArmReader
from shared.adapters.credentials import credential
from shared.adapters.maintenance import API_VERSION, AzureMaintenance
from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable, Throttled
from shared.core.operations import ACKNOWLEDGE
from shared.core.settings import Settings
from tests.contract.azure_standin.running import Standin
from tests.contract.cloud import worlds as w
from tests.contract.cloud.world_document import document
from tests.wiring.test_granted import operation

EVENT = "d0e1f2a3-1111-4111-8111-000000000001"
SCALE_SET = w.INSTANCE.rpartition("/virtualMachines/")[0]


@pytest.fixture
async def maintenance(local_azure: Standin) -> AsyncIterator[AzureMaintenance]:
    """The adapter, and a fresh world behind it."""
    local_azure.put_world(document())
    local_azure.request("DELETE", "/_faults")
    settings = Settings(resource_manager=local_azure.url)
    async with AsyncExitStack() as closing:
        identity = await closing.enter_async_context(credential(settings))
        arm = ArmReader(identity, settings)
        closing.push_async_callback(arm.close)
        yield AzureMaintenance(arm)


@pytest.mark.parametrize("owner", [w.DEV, SCALE_SET], ids=["vm", "scale set"])
async def test_the_service_is_told_what_may_begin_and_where(
    maintenance: AzureMaintenance, local_azure: Standin, owner: str
) -> None:
    """At the resource that the notice is about, in the version that has the call."""
    local_azure.request("DELETE", "/_calls")
    await maintenance.acknowledge(owner, EVENT)
    [kept] = local_azure.world()["acknowledged"]
    assert (owner.lower(), EVENT) == (kept["resource"].lower(), kept["event"])
    [call] = local_azure.calls(containing="/acknowledge")
    assert ("POST", 200) == (call["method"], call["status"])
    assert f"api-version={API_VERSION}" in call["path"]
    named = operation(call["method"], call["path"])
    assert {named} == {one.casefold() for one in ACKNOWLEDGE.actions}


async def test_saying_it_again_is_no_error(maintenance: AzureMaintenance) -> None:
    """The answer to the first may have been lost."""
    await maintenance.acknowledge(w.DEV, EVENT)
    await maintenance.acknowledge(w.DEV, EVENT)


@pytest.mark.parametrize(
    "owner", [w.MISSING, w.OS_DISK, "not an id", "", f"{w.DEV}/../x"], ids=lambda o: o[-12:]
)
async def test_what_has_no_notices_is_refused(
    maintenance: AzureMaintenance, owner: str
) -> None:
    """Recorded as rejected, and not tried again."""
    with pytest.raises(InvalidTarget):
        await maintenance.acknowledge(owner, EVENT)


@pytest.mark.parametrize(
    ("status", "error"), [(403, Forbidden), (429, Throttled), (503, ProviderUnavailable)]
)
async def test_each_refusal_says_what_to_do_about_it(
    maintenance: AzureMaintenance, local_azure: Standin, status: int, error: type[Exception]
) -> None:
    """A missing role is for a person, a busy service for the next try."""
    local_azure.fault(pattern="acknowledge", status=status, count=1)
    with pytest.raises(error):
        await maintenance.acknowledge(w.DEV, EVENT)
