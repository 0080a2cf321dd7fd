"""Spot machines and pools that come back, or do not, as the world has capacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.core.capacity import is_no_capacity
from shared.core.errors import InvalidTarget, NoCapacity, StaleFacts
from shared.core.facts import Resource, SpotFacts, SpotPoolFacts
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.core.spot_marks import DEALLOCATE, NO_LIMIT, REGULAR, SpotMark, tags_after
from shared.ports import Blueprint, PoolSize
from tests.fakes.compute import FakeCompute, FakeMachine, FakeOperation
from tests.fakes.effects import Trapped


@dataclass
class FakePool:
    """One scale set; every change of it is a new version."""

    resource: Resource
    capacity: int
    priority: str = "spot"
    managed_by: str = ""
    grown_by: str = ""
    version: int = 1
    is_changing: bool = False


@dataclass(kw_only=True)
class FakeReplacement(Trapped):
    """Spot machines as ``Replacement`` sees them; the machines are those of ``compute``.

    Attributes:
        refuses: What a start says at once, by size and priority: ``code: words``.
        fails: What the operation of a start ends with, by size and priority.
        looks: Reads that still show an operation going on.
        grow_fails: What growing a pool ends with, or empty.
        would_lose: What no VM that is made anew would have.
        takes_disks_along: Disks are deleted with their VM, until somebody changes that.
        disks_are_gone: Some were.
    """

    compute: FakeCompute
    pools: dict[str, FakePool] = field(default_factory=dict)
    refuses: dict[tuple[str, str], str] = field(default_factory=dict)
    fails: dict[tuple[str, str], str] = field(default_factory=dict)
    looks: int = 1
    grow_fails: str = ""
    would_lose: tuple[str, ...] = ()
    takes_disks_along: bool = True
    disks_are_gone: bool = False

    def add(self, pool: FakePool) -> FakePool:
        """Put a scale set into the world."""
        self.pools[pool.resource.id.casefold()] = pool
        return pool

    async def spot_machine(self, machine: str) -> SpotFacts | None:
        """Read a machine."""
        self.reading("spot_machine")
        rid = ResourceId.parse(machine)
        found = self.compute.machines_by_id.get(machine.casefold())
        if found is None:
            return None
        found.look()
        self._pass_time(machine)
        pool = self.pools.get(rid.parent.casefold()) if rid.type == SCALE_SET_VM else None
        priority = pool.priority if pool else found.priority
        return SpotFacts(found.resource, found.power, priority)

    async def spot_pool(self, instance: str) -> SpotPoolFacts | None:
        """Read the scale set of an instance."""
        self.reading("spot_pool")
        rid = ResourceId.parse(instance)
        pool = self.pools.get(rid.parent.casefold())
        if pool is None:
            return None
        own, above = rid.text, pool.resource
        lost = Resource(own, rid.type, rid.name, above.location, above.tags, above.size)
        return SpotPoolFacts(
            Resource(**{**_fields(lost), "pool": above.id, "pool_size": pool.capacity}),
            pool.capacity,
            pool.priority,
            is_instance_there=own.casefold() in self.compute.machines_by_id,
            managed_by=pool.managed_by,
        )

    async def pool_size(self, scale_set: str) -> PoolSize | None:
        """Read a scale set's size."""
        self.reading("pool_size")
        self._pass_time(scale_set)
        pool = self.pools.get(scale_set.casefold())
        if pool is None:
            return None
        return PoolSize(pool.capacity, f"v{pool.version}", pool.grown_by, pool.is_changing)

    async def start(self, machine: str) -> str:
        """Begin a start; refused if there is no such capacity."""
        self.before("start")
        found = self._machine(machine)
        kind = (found.resource.size, self._priority(machine, found))
        if kind in self.refuses:
            raise _refusal(f"starting {machine}", self.refuses[kind])
        if found.power == "running":
            return ""
        found.power = "starting"
        fails = self.fails.get(kind, "")

        def end() -> None:
            found.power = "deallocated" if fails else "running"

        token = self._operation(machine, end, fails)
        self.happened("start", f"{machine} {' '.join(kind)}")
        return token

    async def change(self, vm: str, *, size: str, at: datetime) -> str:
        """Begin to make a deallocated VM another size."""
        self.before("change")
        found = self._machine(vm)
        if found.power != "deallocated":
            raise InvalidTarget(f"changing {vm}: it is {found.power}")
        tags = _tags(found, size=size, priority=found.priority, at=at)

        def end() -> None:
            fields = {**_fields(found.resource), "size": size, "tags": tags}
            found.resource = Resource(**fields)

        token = self._operation(vm, end, "")
        self.happened("change", f"{vm} {size}")
        return token

    async def blueprint(self, vm: str) -> Blueprint | None:
        """Read what a VM can be made from again."""
        self.reading("blueprint")
        found = self.compute.machines_by_id.get(vm.casefold())
        if found is None:
            return None
        resource = {**_fields(found.resource), "tags": dict(found.resource.tags)}
        document = {**resource, "priority": found.priority, "created_at": None}
        return Blueprint(document, self.would_lose)

    async def detach(self, vm: str) -> str | None:
        """Have disks outlive the VM."""
        self.before("detach")
        is_there = vm.casefold() in self.compute.machines_by_id
        if not is_there or not self.takes_disks_along:
            return None

        def end() -> None:
            self.takes_disks_along = False

        self.happened("detach", vm)
        return self._operation(vm, end, "")

    async def remove(self, vm: str) -> str:
        """Begin to delete a VM, and its disks if nobody saw to them."""
        self.before("remove")
        if vm.casefold() not in self.compute.machines_by_id:
            return ""

        takes_disks_along = self.takes_disks_along  # as it is when it is asked for

        def end() -> None:
            self.compute.machines_by_id.pop(vm.casefold(), None)
            self.disks_are_gone = self.disks_are_gone or takes_disks_along

        self.happened("remove", vm)
        return self._operation(vm, end, "")

    async def make(
        self, vm: str, document: Mapping[str, Any], *, size: str, priority: str, at: datetime
    ) -> str:
        """Begin to make a VM; what could not be started is there and does not run."""
        self.before("make")
        if self.disks_are_gone:
            raise InvalidTarget(f"making {vm}: its disks are gone")
        if (size, priority) in self.refuses:
            raise _refusal(f"making {vm}", self.refuses[size, priority])
        known = {name: document[name] for name in Resource.__slots__}
        was = FakeMachine(Resource(**known), priority=str(document["priority"]))
        tags = _tags(was, size=size, priority=priority, at=at)
        found = self.compute.machines_by_id.get(vm.casefold())
        if found is None:
            made = Resource(**{**known, "size": size, "tags": tags})
            found = self.compute.add(FakeMachine(made, power="starting", priority=priority))
        machine, fails = found, self.fails.get((size, priority), "")

        def end() -> None:
            machine.power = None if fails else "running"

        token = self._operation(vm, end, fails)
        self.happened("make", f"{vm} {size} {priority}")
        return token

    async def grow(self, scale_set: str, *, seen: PoolSize, by: str) -> str:
        """Begin to make a scale set larger, if nobody changed it since it was seen."""
        self.before("grow")
        pool = self.pools.get(scale_set.casefold())
        if pool is None:
            raise InvalidTarget(f"there is no scale set {scale_set}")
        if seen.version != f"v{pool.version}":
            raise StaleFacts(f"growing {scale_set}: it has changed")
        pool.capacity, pool.grown_by = seen.capacity + 1, by
        pool.version, pool.is_changing = pool.version + 1, True

        def end() -> None:
            pool.is_changing, pool.version = False, pool.version + 1

        token = self._operation(scale_set, end, self.grow_fails)
        self.happened("grow", scale_set)
        return token

    def _operation(self, target: str, end: Callable[[], None], fails: str) -> str:
        token = f"operation-{len(self.compute.operations)}"
        self.compute.operations[token] = FakeOperation(target, self.looks, end, fails)
        return token

    def _pass_time(self, target: str) -> None:
        """Let what goes on with a target get on by a look, whoever follows it."""
        for token, going in list(self.compute.operations.items()):
            if going.ends and going.vm.casefold() == target.casefold():
                self.compute.advance(token)

    def _machine(self, machine: str) -> FakeMachine:
        found = self.compute.machines_by_id.get(machine.casefold())
        if found is None:
            raise InvalidTarget(f"there is no virtual machine {machine}")
        return found

    def _priority(self, machine: str, found: FakeMachine) -> str:
        pool = self.pools.get(ResourceId.parse(machine).parent.casefold())
        return pool.priority if pool else found.priority


def _refusal(doing: str, words: str) -> Exception:
    code, _, rest = words.partition(":")
    error = NoCapacity if is_no_capacity(code, rest) else StaleFacts
    return error(f"{doing}: 409 {words}")


def _tags(machine: FakeMachine, *, size: str, priority: str, at: datetime) -> dict[str, str]:
    was = SpotMark("", machine.resource.size, DEALLOCATE, NO_LIMIT, at)
    is_spot = machine.priority != REGULAR
    return tags_after(
        machine.resource.tags, was, size=size, priority=priority, is_spot=is_spot
    )


def _fields(resource: Resource) -> dict[str, object]:
    return {name: getattr(resource, name) for name in Resource.__slots__}
