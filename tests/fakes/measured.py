"""Metrics and plain resources, held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.facts import MachineFacts, Resource, Utilisation
from shared.core.protection import Lock, LockLevel
from shared.core.surveys import Measure
from tests.fakes.effects import Trapped


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
    series: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)

    def tell_points(self, resource_id: str, metric: str, *points: float) -> None:
        """Say what a metric of a resource was."""
        self.series[metric, resource_id.casefold()] = points

    async def points(
        self, places: Mapping[str, str], measure: Measure
    ) -> Mapping[str, Sequence[float]]:
        """Return what was told; nothing of what cannot be read."""
        self.reading("points")
        self.asked.append(tuple(places))
        failing = {one.casefold() for one in self.failing}
        found = {
            key.casefold(): self.series.get((measure.metric, key.casefold())) for key in places
        }
        return {key: points for key, points in found.items() if points and key not in failing}

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
