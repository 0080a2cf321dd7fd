"""Azure ML compute instances, metrics and plain resources, held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.errors import InvalidTarget
from shared.core.facts import MachineFacts, Resource, Utilisation
from shared.core.protection import Lock, LockLevel
from shared.core.resource_ids import ResourceId
from tests.fakes.compute import FakeMachine
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeMachineLearning(Trapped):
    """Compute instances of Azure ML workspaces; ``stop_looks`` as in ``FakeCompute``."""

    computes: dict[str, FakeMachine] = field(default_factory=dict)
    stop_looks: int = 1

    def add(self, machine: FakeMachine) -> FakeMachine:
        """Put a compute instance into the world."""
        self.computes[machine.resource.id.casefold()] = machine
        return machine

    async def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield the instances of a workspace."""
        self.reading("instances")
        for machine in list(self.computes.values()):
            parent = ResourceId.parse(machine.resource.id).parent
            if parent.casefold() == workspace.rstrip("/").casefold():
                machine.look()
                yield machine.facts

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one instance."""
        self.reading("instance")
        found = self.computes.get(compute.casefold())
        if found is None:
            return None
        found.look()
        return found.facts

    async def stop(self, compute: str) -> None:
        """Begin a stop; one that is going on or has ended is accepted again."""
        self.before("stop")
        found = self.computes.get(compute.casefold())
        if found is None:
            raise InvalidTarget(f"there is no compute instance {compute}")
        if found.power != "deallocated" and found.looks_left is None:
            found.power, found.looks_left = "deallocating", self.stop_looks
        self.happened("stop", compute)


@dataclass(kw_only=True)
class FakeMetrics(Trapped):
    """Utilisation by id, as told; what nobody told is unreadable.

    Attributes:
        asked: Ids of each call, in order.
        failing: Ids whose batch cannot be read.
    """

    values: dict[str, Utilisation] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def tell(self, resource_id: str, utilisation: Utilisation) -> None:
        """Say how busy a machine was."""
        self.values[resource_id.casefold()] = utilisation

    async def utilisation(
        self, machines: Sequence[MachineFacts], *, window: timedelta, gpu_metric: str
    ) -> Mapping[str, Utilisation | None]:
        """Return what was told of each machine, None where nothing was."""
        self.reading("utilisation")
        ids = tuple(machine.resource.id for machine in machines)
        self.asked.append(ids)
        failing = {one.casefold() for one in self.failing}
        keys = [one.casefold() for one in ids]
        return {key: None if key in failing else self.values.get(key) for key in keys}


@dataclass(kw_only=True)
class FakeResources(Trapped):
    """Any resource by its id, and the locks on any scope."""

    resources: dict[str, Resource] = field(default_factory=dict)
    locked: list[Lock] = field(default_factory=list)

    def lock(
        self, scope: str, level: LockLevel = LockLevel.READ_ONLY, name: str = "k"
    ) -> None:
        """Let somebody lock a resource, a group or a subscription."""
        self.locked.append(Lock(name, level, scope))

    async def locks(self, resource_id: str) -> tuple[Lock, ...]:
        """Read the locks at a resource and above it."""
        self.reading("locks")
        at = f"{resource_id.rstrip('/').casefold()}/"
        return tuple(k for k in self.locked if at.startswith(f"{k.scope.casefold()}/"))

    def add(self, resource: Resource) -> Resource:
        """Put a resource into the world."""
        self.resources[resource.id.casefold()] = resource
        return resource

    async def resource(self, resource_id: str) -> Resource | None:
        """Read one resource."""
        self.reading("resource")
        return self.resources.get(resource_id.rstrip("/").casefold())
