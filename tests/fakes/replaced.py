"""Spot machines and pools that come back, or do not, as the world has capacity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.core.capacity import is_no_capacity
from shared.core.errors import InvalidTarget, NoCapacity, StaleFacts
from shared.core.facts import Resource, SpotFacts, SpotPoolFacts
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.ports import PoolSize
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
    """

    compute: FakeCompute
    pools: dict[str, FakePool] = field(default_factory=dict)
    refuses: dict[tuple[str, str], str] = field(default_factory=dict)
    fails: dict[tuple[str, str], str] = field(default_factory=dict)
    looks: int = 1
    grow_fails: str = ""

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

    async def change(self, vm: str, *, size: str, priority: str) -> str:
        """Begin to make a deallocated VM another size and priority."""
        self.before("change")
        found = self._machine(vm)
        if found.power != "deallocated":
            raise InvalidTarget(f"changing {vm}: it is {found.power}")

        def end() -> None:
            fields = {**_fields(found.resource), "size": size}
            found.resource, found.priority = Resource(**fields), priority

        token = self._operation(vm, end, "")
        self.happened("change", f"{vm} {size} {priority}")
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


def _fields(resource: Resource) -> dict[str, object]:
    return {name: getattr(resource, name) for name in Resource.__slots__}
