"""Compute nodes of Batch pools, by azure-batch's data plane.

A notice names a VM; which node that is, only the node says, and only in accounts whose
pools are in a subscription of one's own. Where each node was is remembered for seconds, so
that a storm of notices lists each account once; its state is read afresh.

Source: https://learn.microsoft.com/rest/api/batchservice/nodes (virtualMachineInfo:
``scaleSetVmResourceId``, "only defined if the Batch account was created with its
poolAllocationMode property set to UserSubscription")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from shared.adapters import batch_pools
from shared.adapters.arm import ArmReader
from shared.adapters.azure_errors import error_code, translated
from shared.adapters.batch import AzureBatch
from shared.adapters.recent import Recent
from shared.adapters.resources import API_VERSIONS
from shared.core.batch_pools import BatchPool
from shared.core.errors import InvalidTarget
from shared.core.facts import BatchNode
from shared.core.resource_ids import BATCH_ACCOUNT, ResourceId
from shared.ports import PoolTargets, TasksThen

ROLE = "Azure Batch Data Contributor"
OWN_SUBSCRIPTION = "usersubscription"
USABLE = frozenset({"idle", "running", "offline"})
_BROKEN = "state eq 'unusable' or state eq 'starttaskfailed'"
_FIELDS = ["id", "state", "schedulingState", "stateTransitionTime", "runningTasksCount"]
_THEN: Mapping[TasksThen, str] = {
    TasksThen.REQUEUE: "requeue",
    TasksThen.TERMINATE: "terminate",
    TasksThen.TASK_COMPLETION: "taskcompletion",
}
_ALREADY = frozenset({"NodeAlreadyInTargetSchedulingState"})
NOT_IN_THIS_STATE = frozenset(
    {"NodeStateUnusable", "OperationInvalidForCurrentState", "OperationNotValidOnNode"}
)
"""409s that no retry mends: the node is not in a state for it.

Source: https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes
"""
_ACCOUNTS_FOR, _PLACES_FOR = timedelta(minutes=5), timedelta(seconds=15)
Place = tuple[str, str, str]
"""Account, pool and node."""


class AzureBatchNodes:
    """``BatchNodes`` over the Batch service."""

    def __init__(self, batch: AzureBatch, arm: ArmReader) -> None:
        self._batch = batch
        self._arm = arm
        self._accounts: Recent[tuple[str, ...]] = Recent(ttl=_ACCOUNTS_FOR, limit=100)
        self._places: Recent[Mapping[str, Place]] = Recent(ttl=_PLACES_FOR, limit=100)

    async def find(self, vm: str) -> BatchNode | None:
        """Find the node that a VM is, then read it."""
        try:
            rid = ResourceId.parse(vm)
        except ValueError as exc:
            raise InvalidTarget(str(exc)) from exc
        key = rid.subscription.casefold()
        accounts = await self._accounts.get(key, lambda: self._own_accounts(key))
        known = await asyncio.gather(*(self._nodes_of(account) for account in accounts))
        for places in known:
            if (place := places.get(rid.key)) is not None:
                return await self.node(*place)
        return None

    async def node(self, account: str, pool: str, node: str) -> BatchNode | None:
        """Read one node."""
        client = await self._batch.client(account)
        async with _asking(f"reading node {node} of {pool}"):
            try:
                found = await client.get_node(pool, node, select=_FIELDS)
            except _not_found():
                return None
        return batch_node(found.as_dict(), account, pool)

    async def unusable(self, account: str, *, pool: str, limit: int) -> tuple[BatchNode, ...]:
        """Read the nodes that cannot take tasks, pool by pool."""
        client = await self._batch.client(account)
        found: list[BatchNode] = []
        async with _asking(f"listing unusable nodes of {account}"):
            for name in [pool] if pool else await _pools(client):
                try:
                    async for one in client.list_nodes(name, filter=_BROKEN, select=_FIELDS):
                        found.append(batch_node(one.as_dict(), account, name))
                        if len(found) == limit:
                            return tuple(found)
                except _not_found():
                    continue
        return tuple(found)

    async def disable(self, node: BatchNode, *, then: TasksThen) -> None:
        """Disable scheduling on a node."""
        from azure.batch import models

        client = await self._batch.client(node.account)
        options = models.BatchNodeDisableSchedulingOptions(
            node_disable_scheduling_option=_THEN[then]
        )
        async with _asking(f"disabling node {node.id} of {node.pool}", fine=_ALREADY):
            await client.disable_node_scheduling(node.pool, node.id, options)

    async def enable(self, node: BatchNode) -> None:
        """Enable scheduling on a node."""
        client = await self._batch.client(node.account)
        async with _asking(f"enabling node {node.id} of {node.pool}", fine=_ALREADY):
            await client.enable_node_scheduling(node.pool, node.id)

    async def reboot(self, node: BatchNode) -> None:
        """Reboot a node; its tasks, if it has any, go back into the queue."""
        client = await self._batch.client(node.account)
        options: Any = {"nodeRebootOption": "requeue"}  # its model is not public
        async with _asking(f"rebooting node {node.id} of {node.pool}"):
            await client.begin_reboot_node(node.pool, node.id, options)

    async def reimage(self, node: BatchNode) -> None:
        """Install a node anew."""
        client = await self._batch.client(node.account)
        options: Any = {"nodeReimageOption": "requeue"}
        async with _asking(f"reimaging node {node.id} of {node.pool}"):
            await client.begin_reimage_node(node.pool, node.id, options)

    async def remove(self, account: str, pool: str, nodes: Sequence[str]) -> None:
        """Take nodes out of a pool."""
        from azure.batch import models

        client = await self._batch.client(account)
        options = models.BatchNodeRemoveOptions(
            node_ids=list(nodes), node_deallocation_option="requeue"
        )
        async with _asking(f"removing {len(nodes)} nodes of {pool}"):
            await client.begin_remove_nodes(pool, options)

    async def targets(self, account: str, pool: str) -> PoolTargets | None:
        """Read how many nodes a pool is set to have."""
        client = await self._batch.client(account)
        async with _asking(f"reading pool {pool}"):
            try:
                found = (await client.get_pool(pool)).as_dict()
            except _not_found():
                return None
        return PoolTargets(
            dedicated=int(found.get("targetDedicatedNodes") or 0),
            low_priority=int(found.get("targetLowPriorityNodes") or 0),
            is_steady=_value(found.get("allocationState")) in {"steady", ""},
            is_autoscaled=bool(found.get("enableAutoScale")),
        )

    async def resize(
        self, account: str, pool: str, *, dedicated: int, low_priority: int
    ) -> None:
        """Set how many nodes a pool is to have."""
        from azure.batch import models

        client = await self._batch.client(account)
        options = models.BatchPoolResizeOptions(
            target_dedicated_nodes=dedicated,
            target_low_priority_nodes=low_priority,
            node_deallocation_option="taskcompletion",
        )
        async with _asking(f"resizing pool {pool}"):
            await client.begin_resize_pool(pool, options)

    async def pools_of(self, account: str) -> tuple[BatchPool, ...]:
        """Read the pools of an account."""
        client = await self._batch.client(account)
        async with _asking(f"listing pools of {account}"):
            listed = client.list_pools(select=list(batch_pools.FIELDS))
            return tuple([batch_pools.pool_of(one.as_dict(), account) async for one in listed])

    async def pool(self, account: str, pool: str) -> BatchPool | None:
        """Read one pool."""
        client = await self._batch.client(account)
        async with _asking(f"reading pool {pool}"):
            try:
                found = await client.get_pool(pool, select=list(batch_pools.FIELDS))
            except _not_found():
                return None
        return batch_pools.pool_of(found.as_dict(), account)

    async def idle_since(self, account: str, pool: str) -> tuple[int, datetime | None]:
        """Count the nodes that are not idle, and tell when the last became so."""
        client = await self._batch.client(account)
        async with _asking(f"listing nodes of {pool}"):
            try:
                return await batch_pools.idle_since(client, pool)
            except _not_found():
                return 0, None

    async def enable_formula(self, account: str, pool: str, formula: str) -> None:
        """Let a formula decide how many nodes a pool has."""
        from azure.batch import models

        client = await self._batch.client(account)
        options = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula=formula)
        async with _asking(f"giving pool {pool} its formula"):
            await client.enable_pool_auto_scale(pool, options)

    async def _own_accounts(self, subscription: str) -> tuple[str, ...]:
        """List the accounts whose pools are in the subscription itself."""
        path = f"/subscriptions/{subscription}/providers/Microsoft.Batch/batchAccounts"
        version = API_VERSIONS[BATCH_ACCOUNT]
        listed = [one async for one in self._arm.pages(path, api_version=version)]
        return tuple(
            str(one["id"])
            for one in listed
            if _value((one.get("properties") or {}).get("poolAllocationMode"))
            == OWN_SUBSCRIPTION
        )

    async def _nodes_of(self, account: str) -> Mapping[str, Place]:
        return await self._places.get(account.casefold(), lambda: self._listed(account))

    async def _listed(self, account: str) -> Mapping[str, Place]:
        """Map the folded id of each node's VM to where the node is."""
        client = await self._batch.client(account)
        fields = ["id", "virtualMachineInfo"]
        found: dict[str, Place] = {}
        async with _asking(f"listing nodes of {account}"):
            for pool in await _pools(client):
                async for one in client.list_nodes(pool, select=fields):
                    document = one.as_dict()
                    machine = document.get("virtualMachineInfo") or {}
                    vm = str(machine.get("scaleSetVmResourceId") or "")
                    if vm:
                        found[vm.rstrip("/").casefold()] = (account, pool, document["id"])
        return found


async def _pools(client: Any) -> list[str]:
    return [str(one.id) async for one in client.list_pools(select=["id"])]


def batch_node(document: Mapping[str, Any], account: str, pool: str) -> BatchNode:
    """Read a node as the service writes it."""
    state = _value(document.get("state"))
    running = document.get("runningTasksCount")
    return BatchNode(
        account=account,
        pool=pool,
        id=str(document.get("id") or ""),
        state=state,
        takes_tasks=_value(document.get("schedulingState")) != "disabled",
        is_usable=state in USABLE,
        running_tasks=running if type(running) is int else None,
        since=_moment(document.get("stateTransitionTime")),
    )


@asynccontextmanager
async def _asking(doing: str, *, fine: frozenset[str] = frozenset()) -> AsyncIterator[None]:
    """Turn Azure's errors into ours; some codes mean that nothing was to be done."""
    from azure.core.exceptions import HttpResponseError

    async with translated(doing, role=ROLE):
        try:
            yield
        except HttpResponseError as exc:
            code = error_code(exc)
            if code in NOT_IN_THIS_STATE:
                raise InvalidTarget(f"{doing}: {code}") from exc
            if code not in fine:
                raise


def _value(value: object) -> str:
    """Return an enum's wire value, lower case: on 3.11 its ``str()`` is another."""
    return str(getattr(value, "value", value) or "").casefold()


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _not_found() -> type[Exception]:
    from azure.core.exceptions import ResourceNotFoundError

    return ResourceNotFoundError
