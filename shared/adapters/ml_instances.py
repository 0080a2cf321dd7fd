"""Azure ML compute instances, by azure-ai-ml.

Source: https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.operations.computeoperations
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.ml_clients import MlClients, of_type
from shared.core.facts import MachineFacts, Resource, has_gpu
from shared.core.resource_ids import ML_COMPUTE, WORKSPACE, ResourceId

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

COMPUTES = "Microsoft.MachineLearningServices/workspaces/computes"
_INSTANCE = "computeinstance"
_POWER: Mapping[str, str] = {"stopped": "deallocated", "stopping": "deallocating"}


class MlInstances:
    """The part of ``MachineLearning`` that is about compute instances."""

    def __init__(self, clients: MlClients) -> None:
        self._instances_by = clients

    async def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield every compute instance of a workspace."""
        rid = of_type(workspace, WORKSPACE)

        def listing(client: MLClient) -> list[MachineFacts]:
            return [
                compute_fact(one, rid.text)
                for one in client.compute.list(compute_type=_INSTANCE)
            ]

        doing, needs = f"listing the computes of {rid.text}", f"{COMPUTES}/read"
        for fact in await self._instances_by.call(rid, doing, listing, needs=needs):
            yield fact

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one compute instance; None if there is none, or it is a cluster."""
        rid = of_type(compute, ML_COMPUTE)
        workspace = ResourceId.parse(rid.parent)

        def reading(client: MLClient) -> MachineFacts | None:
            from azure.core.exceptions import ResourceNotFoundError

            try:
                found = client.compute.get(rid.name)
            except ResourceNotFoundError:
                return None
            is_instance = str(found.type or "").casefold() == _INSTANCE
            return compute_fact(found, workspace.text) if is_instance else None

        return await self._instances_by.call(
            workspace, f"reading {rid.text}", reading, needs=f"{COMPUTES}/read"
        )

    async def stop(self, compute: str) -> None:
        """Ask for a stop.

        Raises:
            InvalidTarget: There is no such compute instance.
        """
        await self._ask(
            compute, "stop", "stopping", lambda c, name: c.compute.begin_stop(name)
        )

    async def start(self, compute: str) -> None:
        """Ask for a start."""
        await self._ask(
            compute, "start", "starting", lambda c, name: c.compute.begin_start(name)
        )

    async def restart(self, compute: str) -> None:
        """Ask for a restart."""
        await self._ask(
            compute, "restart", "restarting", lambda c, name: c.compute.begin_restart(name)
        )

    async def delete(self, compute: str) -> None:
        """Ask for a compute to be deleted, with all that is on its disk."""
        await self._ask(
            compute, "delete", "deleting", lambda c, name: c.compute.begin_delete(name)
        )

    async def _ask(
        self, compute: str, word: str, doing: str, ask: Callable[[MLClient, str], object]
    ) -> None:
        """Ask for a long operation.

        The library's poller looks after it in a thread of its own, for which nobody
        waits: the next read says whether it happened.
        """
        rid = of_type(compute, ML_COMPUTE)
        needs = f"{COMPUTES}/delete" if word == "delete" else f"{COMPUTES}/{word}/action"

        def asking(client: MLClient) -> None:
            ask(client, rid.name)

        workspace = ResourceId.parse(rid.parent)
        await self._instances_by.call(workspace, f"{doing} {rid.text}", asking, needs=needs)


def compute_fact(compute: Any, workspace: str) -> MachineFacts:
    """Read a compute instance.

    A stopped compute instance is deallocated: its VM is not billed.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
    """
    size = str(compute.size or "")
    power = power_of(compute.state)
    return MachineFacts(
        resource=Resource(
            id=f"{workspace}/computes/{compute.name}",
            type=ML_COMPUTE,
            name=str(compute.name),
            location=str(compute.location or ""),
            tags={str(k): str(v) for k, v in (compute.tags or {}).items()},
            size=size,
            pool=workspace,
        ),
        power=power,
        has_gpu=has_gpu(size),
        utilisation=None,
        started_at=_started(compute.last_operation) if power == "running" else None,
    )


def power_of(state: object) -> str | None:
    """Spell a compute instance's state as power; None if it is not told.

    Source: https://learn.microsoft.com/rest/api/azureml/compute/get#computeinstancestate
    """
    said = str(getattr(state, "value", state) or "").casefold()
    return _POWER.get(said, said) or None


def _started(operation: Mapping[str, Any] | None) -> datetime | None:
    """Return when its last operation brought it up, if that is what it was."""
    said = operation or {}
    names = {
        str(said.get(key) or "").casefold() for key in ("operation_name", "operationName")
    }
    if not names & {"create", "start", "restart"}:
        return None
    value = said.get("operation_time") or said.get("operationTime")
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
