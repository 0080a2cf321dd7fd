"""Virtual machines read from the compute API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters import machines
from shared.adapters.arm import Answer
from shared.adapters.virtual_machines import operation_state
from shared.ports import OperationState

VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1"
SNAPSHOT = VM.replace("virtualMachines", "snapshots")


def vm(*statuses: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "id": VM,
        "location": "westeurope",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_ND96isr_H100_v5"},
            "instanceView": {"statuses": list(statuses)},
            **properties,
        },
    }


def test_power_is_lower_case_and_none_if_nobody_says() -> None:
    """Unknown is not running and not stopped: the rule holds."""
    running = machines.machine_fact(vm({"code": "PowerState/Running"}), VM)
    silent = machines.machine_fact(vm(), VM)
    assert ("running", True) == (running.power, running.has_gpu)
    assert silent.power is None


def test_started_at_is_only_what_the_power_state_itself_says() -> None:
    """The provisioning time moves with every change of a tag; it is no start."""
    at = "2030-01-01T10:00:00+00:00"
    told = machines.machine_fact(vm({"code": "PowerState/running", "time": at}), VM)
    untold = machines.machine_fact(
        vm(
            {"code": "ProvisioningState/succeeded", "time": at}, {"code": "PowerState/running"}
        ),
        VM,
    )
    stopped = machines.machine_fact(vm({"code": "PowerState/stopped", "time": at}), VM)
    assert datetime(2030, 1, 1, 10, tzinfo=UTC) == told.started_at
    assert untold.started_at is None
    assert stopped.started_at is None


def test_a_time_with_seven_digits_is_read() -> None:
    """Azure writes hundreds of nanoseconds; a time lost here is a redeploy unverified."""
    told = {"code": "ProvisioningState/succeeded", "time": "2030-01-01T10:00:00.1234567+00:00"}
    state, since = machines.provisioning(vm(told))
    assert ("succeeded", datetime(2030, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)) == (state, since)


def test_the_separate_status_list_wins_over_what_the_vm_carries() -> None:
    """In the list of all VMs the states come from the other list, or not at all."""
    fact = machines.machine_fact(vm({"code": "PowerState/running"}), VM, states={})
    assert fact.power is None


def test_a_vm_of_a_flexible_scale_set_has_it_as_pool() -> None:
    """So that a rule by pool holds for Flexible scale sets too."""
    pool = VM.replace("virtualMachines/vm-1", "virtualMachineScaleSets/flex")
    fact = machines.machine_fact(vm(virtualMachineScaleSet={"id": pool}), VM)
    assert pool == fact.resource.pool


def test_only_managed_disks_can_be_snapshotted() -> None:
    """An unmanaged or ephemeral disk has no id to copy from."""
    storage = {
        "osDisk": {"vhd": {"uri": "https://x/y.vhd"}},
        "dataDisks": [{"managedDisk": {"id": "/d/1"}}, {"managedDisk": {}}, {}],
    }
    disks = machines.managed_disks(vm(storageProfile=storage), "westeurope")
    assert [("/d/1", "data", "westeurope")] == [(d.id, d.role, d.location) for d in disks]


@pytest.mark.parametrize(
    ("properties", "is_ready", "has_failed"),
    [
        ({"provisioningState": "Succeeded"}, True, False),
        ({"provisioningState": "Succeeded", "completionPercent": 100.0}, True, False),
        ({"provisioningState": "Succeeded", "completionPercent": 99.5}, False, False),
        ({"provisioningState": "Creating"}, False, False),
        ({"provisioningState": "Failed"}, False, True),
        ({}, False, False),
    ],
)
def test_a_snapshot_is_ready_only_when_it_is_whole(
    properties: dict[str, Any], is_ready: bool, has_failed: bool
) -> None:
    """A redeploy after half a snapshot would lose what the snapshot was for."""
    state = machines.snapshot_state({"properties": properties}, SNAPSHOT)
    assert (is_ready, has_failed) == (state.is_ready, state.has_failed)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(200, {"status": "InProgress"}), OperationState.RUNNING, ""),
        (Answer(200, {"status": "Updating"}), OperationState.RUNNING, ""),
        (Answer(200, {"status": "Succeeded"}), OperationState.SUCCEEDED, ""),
        (Answer(200, {"status": "Canceled"}), OperationState.FAILED, "Canceled"),
        (
            Answer(200, {"status": "Failed", "error": {"code": "C", "message": "why"}}),
            OperationState.FAILED,
            "C: why",
        ),
        (Answer(202, {}), OperationState.RUNNING, ""),
        (Answer(204, {}), OperationState.SUCCEEDED, ""),
    ],
)
def test_an_operation_is_read_in_either_of_azures_two_ways(
    answer: Answer, state: OperationState, words: str
) -> None:
    """By its document, or by the status of its Location."""
    assert (state, words) == operation_state(answer)
