"""Virtual machines, scale-set instances, disks and snapshots, by azure-mgmt-compute.

Lists of a whole subscription are read with azure-core alone: the models of the library
cost more memory and time than the machines they are of.

Effects return when Azure has accepted them; no long-running operation is waited for.
What one has come to is a single GET of the URL that Azure gave out for it.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters import machines as read
from shared.adapters.arm import Answer, ArmReader
from shared.adapters.azure_errors import translated
from shared.adapters.bulk_power import BulkDeallocation
from shared.adapters.compute_clients import (
    RECEIPT,
    ComputeClients,
    machine_id,
    not_found,
    of_type,
    token_of,
)
from shared.adapters.resources import COMPUTE_API, AzureResources, over_pool
from shared.core.errors import AutomationError, InvalidTarget
from shared.core.facts import DiskFacts, MachineFacts
from shared.core.resource_ids import SCALE_SET_VM, SNAPSHOT
from shared.core.settings import Settings
from shared.ports import OperationState, SnapshotState

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

ROLE = "Virtual Machine Contributor"
SNAPSHOT_ROLES = "Disk Snapshot Contributor, and Disk Backup Reader on the disk"
AHEAD = 2_000
_log = logging.getLogger("nightshift.compute")
_VIEW = "instanceView"
_State = tuple[str, datetime | None, datetime | None]
_UNTOLD: _State = ("", None, None)
_STATES: Mapping[str, OperationState] = {
    "succeeded": OperationState.SUCCEEDED,
    "failed": OperationState.FAILED,
    "canceled": OperationState.FAILED,
}


class AzureCompute:
    """``Compute`` over the compute resource provider."""

    def __init__(
        self, credential: AsyncTokenCredential, arm: ArmReader, settings: Settings
    ) -> None:
        self._arm = arm
        self._resources = AzureResources(arm)
        self._bulk = BulkDeallocation(arm, self._deallocate_alone)
        self.clients = ComputeClients(credential, settings)

    async def machines(self, subscription: str) -> AsyncIterator[MachineFacts]:
        """Yield every VM with its power state: two paged lists, never a call a VM.

        ``statusOnly=true`` is documented to fetch run-time status, and not to carry tags
        or sizes; the plain list carries those and no status. Instances of Uniform scale
        sets are in neither; their power is their scale set's business. Both are read at
        once; of the plain one no more than ``AHEAD`` machines wait for their state, so
        that memory does not grow with what a machine's document holds.
        """
        path = f"/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines"
        ahead: asyncio.Queue[MachineFacts | Exception | None] = asyncio.Queue(AHEAD)
        reading = asyncio.create_task(self._read_ahead(path, ahead))
        try:
            states = await self._states(path)
            while (found := await ahead.get()) is not None:
                if isinstance(found, Exception):
                    raise found
                power, since, changed_at = states.pop(found.resource.id.casefold(), _UNTOLD)
                started_at = since if power == "running" else None
                machine = replace(
                    found, power=power or None, started_at=started_at, changed_at=changed_at
                )
                try:
                    yield await self._with_pool_tags(machine)
                except AutomationError:  # a pool that cannot be read hides no other machine
                    yield replace(machine, power=None)
        finally:
            reading.cancel()

    async def _read_ahead(
        self, path: str, ahead: asyncio.Queue[MachineFacts | Exception | None]
    ) -> None:
        """Read the plain list as far ahead as the queue lets; its end is None."""
        try:
            async for document in self._arm.pages(path, api_version=COMPUTE_API):
                try:
                    found = read.machine_fact(document, str(document.get("id") or ""), {})
                except (ValueError, TypeError, AttributeError) as odd:
                    _log.warning("listing %s: %s: %s", path, document.get("id"), odd)
                    continue  # one machine of an odd shape hides no other
                await ahead.put(found)
        except Exception as error:  # noqa: BLE001 - raised where the list is read from
            await ahead.put(error)
        else:
            await ahead.put(None)

    async def _states(self, path: str) -> dict[str, _State]:
        """Map each VM's folded id to its power and its times, from the list of statuses."""
        pages = self._arm.pages(path, api_version=COMPUTE_API, query={"statusOnly": "true"})
        return {
            str(one.get("id") or "").casefold(): read.power_of(read.instance_view(one))
            async for one in pages
        }

    async def machine(self, vm: str) -> MachineFacts | None:
        """Read one VM with its power state."""
        document = await self._read(vm)
        if document is None:
            return None
        return await self._with_pool_tags(read.machine_fact(document, vm))

    async def _with_pool_tags(self, machine: MachineFacts) -> MachineFacts:
        """Lay the machine's own tags over its scale set's: an opt-out there counts here."""
        pool = machine.resource.pool
        if not pool:
            return machine
        above = await self._resources.resource(pool)
        return replace(machine, resource=over_pool(machine.resource, above, pool))

    async def deallocate(self, vm: str, *, location: str = "") -> str:
        """Ask for deallocation, which ends the bill for the machine itself.

        Raises:
            InvalidTarget: There is no such VM.
        """
        rid = machine_id(vm)
        if rid.type == SCALE_SET_VM:
            await self._deallocate_alone(vm)
            return ""
        return await self._bulk.deallocate(vm, rid.subscription, location)

    async def _deallocate_alone(self, vm: str) -> None:
        rid = machine_id(vm)
        client = await self.clients.of(rid.subscription)
        async with translated(f"deallocating {vm}", role=ROLE):
            if rid.type == SCALE_SET_VM:
                await client.virtual_machine_scale_set_vms.begin_deallocate(
                    rid.resource_group, rid.names[0], rid.name, polling=False
                )
            else:
                await client.virtual_machines.begin_deallocate(
                    rid.resource_group, rid.name, polling=False
                )

    async def disks(self, vm: str) -> DiskFacts | None:
        """Read a VM's managed disks."""
        document = await self._read(vm)
        if document is None:
            return None
        machine = await self._with_pool_tags(read.machine_fact(document, vm))
        found = read.managed_disks(document, machine.resource.location)
        return DiskFacts(machine.resource, machine.power, found)

    async def snapshot(self, snapshot_id: str) -> SnapshotState | None:
        """Read a snapshot."""
        rid = of_type(snapshot_id, SNAPSHOT)
        client = await self.clients.of(rid.subscription)
        async with translated(f"reading {snapshot_id}", role="Reader"):
            try:
                found = await client.snapshots.get(rid.resource_group, rid.name)
            except not_found():
                return None
        return read.snapshot_state(found.as_dict(), rid.text)

    async def create_snapshot(
        self, snapshot_id: str, *, disk: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Ask for an incremental snapshot of a disk under this very id.

        Source: https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots
        """
        from azure.mgmt.compute import models

        rid = of_type(snapshot_id, SNAPSHOT)
        client = await self.clients.of(rid.subscription)
        wanted = models.Snapshot(
            location=location,
            tags=dict(tags),
            properties=models.SnapshotProperties(
                incremental=True,
                creation_data=models.CreationData(
                    create_option="Copy", source_resource_id=disk
                ),
            ),
        )
        async with translated(f"snapshotting {disk}", role=SNAPSHOT_ROLES):
            await client.snapshots.begin_create_or_update(
                rid.resource_group, rid.name, wanted, polling=False
            )

    async def redeploy(self, vm: str) -> str:
        """Ask for a redeploy; return the URL that tells how it goes, or empty if none.

        The URL is no secret: asking it takes a token of its own.
        """
        rid = machine_id(vm)
        client = await self.clients.of(rid.subscription)
        async with translated(f"redeploying {vm}", role=ROLE):
            if rid.type == SCALE_SET_VM:
                poller: Any = await client.virtual_machine_scale_set_vms.begin_redeploy(
                    rid.resource_group, rid.names[0], rid.name, **RECEIPT
                )
            else:
                poller = await client.virtual_machines.begin_redeploy(
                    rid.resource_group, rid.name, **RECEIPT
                )
            return await token_of(poller)

    async def operation(self, vm: str, token: str) -> tuple[OperationState, str]:
        """Tell how a redeploy stands, by one GET."""
        if not token:
            return OperationState.LOST, ""
        answer = await self._arm.look(token, doing=f"following the redeploy of {vm}")
        return (OperationState.LOST, "") if answer is None else operation_state(answer)

    async def provisioned_at(self, vm: str) -> tuple[str, datetime | None]:
        """Return the provisioning state and since when.

        Raises:
            InvalidTarget: There is no such VM.
        """
        document = await self._read(vm)
        if document is None:
            raise InvalidTarget(f"there is no virtual machine {vm}")
        return read.provisioning(document)

    async def close(self) -> None:
        """Close the connections."""
        await self.clients.close()

    async def _read(self, vm: str) -> Mapping[str, Any] | None:
        rid = machine_id(vm)
        client = await self.clients.of(rid.subscription)
        async with translated(f"reading {vm}", role="Reader"):
            try:
                if rid.type == SCALE_SET_VM:
                    one: Any = await client.virtual_machine_scale_set_vms.get(
                        rid.resource_group, rid.names[0], rid.name, expand=_VIEW
                    )
                else:
                    one = await client.virtual_machines.get(
                        rid.resource_group, rid.name, expand=_VIEW
                    )
            except not_found():
                return None
        return dict(one.as_dict())


def operation_state(answer: Answer) -> tuple[OperationState, str]:
    """Read a long-running operation's document, or a ``Location`` that has none.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
    """
    said = str(answer.body.get("status") or "")
    if not said:
        accepted = answer.status == HTTPStatus.ACCEPTED
        return (OperationState.RUNNING if accepted else OperationState.SUCCEEDED), ""
    state = _STATES.get(said.casefold(), OperationState.RUNNING)
    error = answer.body.get("error") or {}
    words = [str(error[key]) for key in ("code", "message") if error.get(key)]
    return state, (": ".join(words) or said) if state is OperationState.FAILED else ""
