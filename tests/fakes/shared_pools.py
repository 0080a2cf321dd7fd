"""Instances of shared pools and the two marks on each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shared.core.errors import InvalidTarget
from shared.core.facts import PoolInstanceFacts, Resource
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeSharedPools(Trapped):
    """Instances by folded id; ``looks`` reads still show the marks that were before."""

    instances: dict[str, PoolInstanceFacts] = field(default_factory=dict)
    coming: dict[str, tuple[int, PoolInstanceFacts]] = field(default_factory=dict)
    looks: int = 1

    def add(self, resource: Resource, power: str = "running") -> None:
        """Put an instance into the world."""
        self.instances[resource.id.casefold()] = PoolInstanceFacts(resource, power)

    async def instance(self, instance: str) -> PoolInstanceFacts | None:
        """Read an instance, one look nearer to its marks."""
        self.reading("pool_instance")
        key = instance.casefold()
        if key in self.coming:
            left, after = self.coming[key]
            self.coming[key] = (left - 1, after)
            if left <= 0:
                self.instances[key] = after
                del self.coming[key]
        return self.instances.get(key)

    async def mark(self, instance: str, *, taken_out_by: str, is_protected: bool) -> None:
        """Begin to write the marks."""
        self.before("mark_instance")
        found = self.instances.get(instance.casefold())
        if found is None:
            raise InvalidTarget(f"there is no instance {instance}")
        after = replace(found, taken_out_by=taken_out_by, is_protected=is_protected)
        self.coming[instance.casefold()] = (self.looks, after)
        self.happened("mark_instance", f"{instance} {taken_out_by or '-'}")
