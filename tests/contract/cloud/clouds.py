"""The ports under test, of either kind, and patience for what takes a few looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from shared.ports import (
    BatchAccounts,
    BatchNodes,
    Cluster,
    Commands,
    Compute,
    Estate,
    Extensions,
    Leftovers,
    MachineLearning,
    Metrics,
    OnlineEndpoints,
    Patching,
    Replacement,
    Resources,
    RestorePoints,
    SharedPools,
    Snapshots,
    VmCare,
)
from tests.contract.azure_standin.running import Standin

T = TypeVar("T")


@dataclass(frozen=True)
class Cloud:
    """Every port of a cloud; ``standin`` is None for the fakes."""

    resources: Resources
    compute: Compute
    metrics: Metrics
    learning: MachineLearning
    batch: BatchAccounts
    cluster: Cluster
    replacement: Replacement
    batch_nodes: BatchNodes
    commands: Commands
    shared_pools: SharedPools
    estate: Estate
    extensions: Extensions
    leftovers: Leftovers
    vm_care: VmCare
    online_endpoints: OnlineEndpoints
    snapshots: Snapshots
    restore_points: RestorePoints
    patching: Patching
    standin: Standin | None = None


async def eventually(read: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    """Look until it is so, or for a minute; return what was seen last."""
    for _ in range(1200):
        seen = await read()
        if done(seen):
            return seen
        await asyncio.sleep(0.05)
    return seen
