"""A VM that does not answer: how it is, what its console wrote, a restart."""

from __future__ import annotations

import pytest

from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable
from shared.ports import OperationState
from tests.contract.azure_standin.running import Standin
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


def standin_of(cloud: Cloud) -> Standin:
    """Return the stand-in behind the real adapters."""
    assert cloud.standin is not None
    return cloud.standin


async def test_a_machine_that_does_not_answer_is_seen_to_be_unwell(cloud: Cloud) -> None:
    """By what resource health says, and by what the platform last heard of its agent."""
    found = await cloud.vm_care.health(w.DEV)
    assert found is not None
    assert ("running", "unavailable", "not ready", False) == (
        found.power,
        found.availability,
        found.agent,
        found.is_well,
    )
    assert found.changed_at is not None
    assert w.TAGS == dict(found.resource.tags)


async def test_a_restart_is_followed_to_its_end_and_what_it_helped_is_seen(
    cloud: Cloud,
) -> None:
    """The operation says that it was restarted; only a fresh look says that it helped."""
    token = await cloud.vm_care.restart(w.DEV)
    state, _ = await eventually(
        lambda: cloud.compute.operation(w.DEV, token),
        lambda told: told[0] is not OperationState.RUNNING,
    )
    after = await cloud.vm_care.health(w.DEV)
    assert after is not None
    assert (OperationState.SUCCEEDED, True) == (state, after.is_well)


async def test_a_console_is_read_and_one_that_is_off_is_told(cloud: Cloud) -> None:
    """Boot diagnostics that nobody enabled are an answer, not an error."""
    said = await cloud.vm_care.console(w.DEV)
    assert said is not None
    assert w.SILENT["_console"] in said
    assert None is await cloud.vm_care.console(w.OFF)


async def test_a_machine_that_is_not_there(cloud: Cloud) -> None:
    """Gone reads as none; what cannot be done to it is an invalid target."""
    assert None is await cloud.vm_care.health(w.MISSING)
    for act in (cloud.vm_care.console, cloud.vm_care.restart):
        with pytest.raises(InvalidTarget):
            await act(w.MISSING)


async def test_an_unreadable_health_is_an_error_and_no_health(azure: Cloud) -> None:
    """Nobody may restart a machine because a permission is missing."""
    standin_of(azure).fault(pattern="GET .*/availabilityStatuses/current", status=403)
    with pytest.raises(Forbidden):
        await azure.vm_care.health(w.DEV)


async def test_what_a_console_lies_behind_is_never_said(azure: Cloud) -> None:
    """Its address lets whoever has it read: no error and no log may carry it."""
    standin_of(azure).fault(pattern="GET /console/", status=500)
    with pytest.raises(ProviderUnavailable) as refused:
        await azure.vm_care.console(w.DEV)
    assert "sig" not in str(refused.value)
    assert None is refused.value.__cause__
