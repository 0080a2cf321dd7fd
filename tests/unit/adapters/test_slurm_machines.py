"""What a VM says of itself, as far as it can be read."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.slurm_machines import machine_of
from shared.core.errors import Forbidden
from shared.core.resource_ids import ResourceId
from tests.builders import SCALE_SET, VM, instance
from tests.slurm_site import Arm

CARD = VM.replace("Compute/virtualMachines/dev-1", "Network/networkInterfaces/nic-1")


def card(*addresses: str) -> dict[str, Any]:
    """Write a network interface."""
    found = [{"properties": {"privateIPAddress": one}} for one in addresses]
    return {"properties": {"ipConfigurations": found}}


@pytest.fixture
def arm() -> Arm:
    """Give a resource manager with a VM and an instance of a scale set."""
    known = Arm()
    known.documents = {
        VM.casefold(): {
            "name": "dev-1",
            "properties": {
                "vmId": "6F7C",
                "osProfile": {"computerName": "GPU001"},
                "networkProfile": {"networkInterfaces": [{"id": CARD}, {"id": CARD}]},
            },
        },
        CARD.casefold(): card("10.0.0.11", "10.0.0.12"),
        SCALE_SET.casefold(): {"tags": {"CycleCloudCluster": "/sites/1/clusters/hpc"}},
        instance(29).casefold(): {
            "name": "aks-spot-1-vmss_29",
            "properties": {"osProfile": {"computerName": "spot00000t"}},
        },
        f"{instance(29)}/networkInterfaces".casefold(): {"value": [card("10.0.1.7")]},
    }
    return known


async def test_a_vm_has_names_addresses_and_ids(arm: Arm):
    """Each network interface is read once."""
    machine = await machine_of(arm, ResourceId.parse(VM))
    assert machine is not None
    assert frozenset({"dev-1", "gpu001"}) == machine.names
    assert frozenset({"10.0.0.11", "10.0.0.12"}) == machine.addresses
    assert frozenset({VM.casefold(), "6f7c"}) == machine.ids


async def test_an_instance_has_its_scale_sets_tags_and_no_number_for_a_name(arm: Arm):
    """A node called 29 would be anybody's."""
    machine = await machine_of(arm, ResourceId.parse(instance(29)))
    assert machine is not None
    assert frozenset({"aks-spot-1-vmss_29", "spot00000t"}) == machine.names
    assert (frozenset({"10.0.1.7"}), "hpc") == (machine.addresses, machine.cyclecloud)


class Shut(Arm):
    """A resource manager that lets nobody read network interfaces."""

    async def get(self, path: str, **more: Any) -> dict[str, Any] | None:
        """Read anything else."""
        if "networkInterfaces" in path:
            raise Forbidden("Microsoft.Network/networkInterfaces/read")
        return await super().get(path, **more)


async def test_without_leave_to_read_addresses_the_names_are_left(arm: Arm):
    """A role of an older deployment finds most nodes still."""
    shut = Shut()
    shut.documents = arm.documents
    machine = await machine_of(shut, ResourceId.parse(VM))
    assert machine is not None
    assert (frozenset(), frozenset({"dev-1", "gpu001"})) == (machine.addresses, machine.names)


async def test_a_machine_that_is_gone_is_none(arm: Arm):
    """The notice named it, and Azure does not know it any more."""
    assert await machine_of(arm, ResourceId.parse(f"{VM}-2")) is None


@pytest.mark.parametrize("document", [{}, {"properties": 7, "tags": []}, {"properties": None}])
async def test_a_document_without_what_we_look_for_is_a_machine_without_it(document):
    """Nothing in it is worth an error."""
    arm = Arm()
    arm.documents[VM.casefold()] = document
    machine = await machine_of(arm, ResourceId.parse(VM))
    assert machine is not None
    assert frozenset({"dev-1"}) == machine.names
