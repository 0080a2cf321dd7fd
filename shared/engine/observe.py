"""Gather the facts a remediation decides on. Reads only, concurrently where it can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.facts import (
    BatchNodeFacts,
    BatchNodesFacts,
    DiskFacts,
    Facts,
    FactsKind,
    FailedTaskFacts,
    MachineFacts,
    NodeFacts,
    PoolInstanceFacts,
    Resource,
    ResourceFacts,
    StandaloneFacts,
    retry_key,
)
from shared.core.pods import to_move
from shared.core.resource_ids import (
    BATCH_ACCOUNT,
    BATCH_JOB,
    ML_COMPUTE,
    SCALE_SET_VM,
    VM,
    ResourceId,
)
from shared.core.shared_pools import is_shared
from shared.core.signals import Signal
from shared.core.wire import read_moment
from shared.engine.night import Ports
from shared.engine.observe_batch import observe_batch_job, observe_batch_pool
from shared.engine.observe_endpoints import observe_endpoint
from shared.engine.observe_extensions import observe_extension
from shared.engine.observe_ml import observe_cluster, observe_instance, observe_job
from shared.engine.observe_slurm import observe_slurm_node

MAX_TASKS = 2000
MAX_NODES = 100
PODS = "pods"
ON_DEMAND = frozenset({PODS})
"""Facts that are read only for rules that name them."""


async def observe(
    kind: FactsKind,
    signal: Signal,
    settings: Any,
    ports: Ports,
    wanted: frozenset[str] = frozenset(),
) -> Facts | None:
    """Return facts of the signal's target, or None if there is no such thing.

    Args:
        wanted: Which of the facts ``ON_DEMAND`` are read, too.

    Raises:
        InvalidTarget: The target is not a thing that this kind of facts exists for.
        AutomationError: It could not be read; nobody may act on that.
    """
    if kind is FactsKind.RESOURCE:
        return await _resource(signal.target, ports)
    try:
        target = ResourceId.parse(signal.target)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    return await OBSERVERS[kind](Asked(target, signal, settings, ports, wanted))


@dataclass(frozen=True, slots=True)
class Asked:
    """What facts are asked of, and with what in view."""

    target: ResourceId
    signal: Signal
    settings: Any
    ports: Ports
    wanted: frozenset[str]


async def _resource(target: str, ports: Ports) -> ResourceFacts | None:
    """Read a resource; what a source calls its target without an ARM id stands as it is."""
    try:
        parsed = ResourceId.parse(target)
    except ValueError:
        return ResourceFacts(Resource(id=target, type="", name=target))
    found = await ports.resources.resource(parsed.text)
    return ResourceFacts(found) if found is not None else None


def _must_be(target: ResourceId, *types: str) -> None:
    if target.type not in types:
        raise InvalidTarget(
            f"{target.text} is a {target.type or 'container'}; wanted: {', '.join(types)}"
        )


async def _node(target: ResourceId, ports: Ports, wanted: frozenset[str]) -> NodeFacts | None:
    _must_be(target, SCALE_SET_VM, VM)
    resource, node = await asyncio.gather(
        ports.resources.resource(target.text), ports.cluster.find_node(target.text)
    )
    if resource is None:
        return None
    pods = None
    if node is not None and PODS in wanted:
        pods = to_move(await ports.cluster.pods(node))
    return NodeFacts(resource, node, pods)


async def _slurm_node(target: ResourceId, ports: Ports) -> Facts | None:
    _must_be(target, SCALE_SET_VM, VM)
    return await observe_slurm_node(target, ports)


async def _spot(target: ResourceId, ports: Ports) -> Facts | None:
    _must_be(target, VM, SCALE_SET_VM)
    return await ports.replacement.spot_machine(target.text)


async def _spot_pool(target: ResourceId, ports: Ports) -> Facts | None:
    _must_be(target, SCALE_SET_VM)
    return await ports.replacement.spot_pool(target.text)


async def _pool_instance(target: ResourceId, ports: Ports) -> PoolInstanceFacts | None:
    """Read an instance; of a pool that nobody shares, no more than what is known anyway."""
    _must_be(target, SCALE_SET_VM, VM)
    resource = await ports.resources.resource(target.text)
    if resource is None:
        return None
    if target.type == SCALE_SET_VM and is_shared(resource):
        return await ports.shared_pools.instance(target.text)
    return PoolInstanceFacts(resource, None)


async def _standalone(target: ResourceId, ports: Ports) -> StandaloneFacts | None:
    _must_be(target, VM, SCALE_SET_VM)
    if target.type == SCALE_SET_VM:
        resource = await ports.resources.resource(target.text)
        return StandaloneFacts(resource, None) if resource else None
    read = await ports.compute.disks(target.text)
    return StandaloneFacts(read.resource, read.power, read.disks) if read else None


async def _batch_node(target: ResourceId, ports: Ports) -> BatchNodeFacts | None:
    _must_be(target, SCALE_SET_VM, VM)
    resource, node = await asyncio.gather(
        ports.resources.resource(target.text), ports.batch_nodes.find(target.text)
    )
    return BatchNodeFacts(resource, node) if resource else None


async def _batch_nodes(
    target: ResourceId, signal: Signal, ports: Ports
) -> BatchNodesFacts | None:
    _must_be(target, BATCH_ACCOUNT)
    resource = await ports.resources.resource(target.text)
    if resource is None:
        return None
    pool = str(signal.attributes.get("pool") or "")
    nodes = await ports.batch_nodes.unusable(target.text, pool=pool, limit=MAX_NODES + 1)
    return BatchNodesFacts(resource, nodes[:MAX_NODES], len(nodes) <= MAX_NODES)


async def _machine(target: ResourceId, settings: Any, ports: Ports) -> MachineFacts | None:
    _must_be(target, VM, ML_COMPUTE)
    machine = await (
        ports.machine_learning.instance(target.text)
        if target.type == ML_COMPUTE
        else ports.compute.machine(target.text)
    )
    if machine is None:
        return None
    [measured] = await measure([machine], settings, ports)
    return measured


async def measure(
    machines: list[MachineFacts], settings: Any, ports: Ports
) -> list[MachineFacts]:
    """Add utilisation to machines that run; one metrics call for up to fifty.

    A remediation without a window to look at decides without it.
    """
    if not hasattr(settings, "idle_for"):
        return machines
    running = [m for m in machines if m.power == "running"]
    found: Mapping[str, Any] = {}
    if running:
        found = await ports.metrics.utilisation(
            running, window=settings.idle_for, gpu_metric=settings.gpu_metric
        )
    return [replace(m, utilisation=found.get(m.resource.id.casefold())) for m in machines]


async def _disks(target: ResourceId, ports: Ports) -> DiskFacts | None:
    _must_be(target, VM)
    return await ports.compute.disks(target.text)


async def _vm_health(target: ResourceId, ports: Ports) -> Facts | None:
    _must_be(target, VM)
    return await ports.vm_care.health(target.text)


async def _failed_tasks(
    target: ResourceId, signal: Signal, settings: Any, ports: Ports
) -> FailedTaskFacts | None:
    job = str(signal.attributes.get("job") or "")
    account = target.text
    if target.type == BATCH_JOB:
        account, job = target.parent, target.name
    resource = await ports.resources.resource(account)
    if resource is None:
        return None
    since = read_moment(str(signal.attributes.get("window_start") or "")) or (
        signal.observed_at - settings.look_back
    )
    read = await ports.batch.failed_tasks(account, job=job, since=since, limit=MAX_TASKS)
    keys = {task: retry_key(account, task.job, task.id) for task in read.tasks}
    spent = await ports.ledger.spent(keys.values())
    return FailedTaskFacts(
        resource=resource,
        jobs=read.jobs,
        tasks=tuple(
            replace(task, reactivations_spent=spent.get(key, 0)) for task, key in keys.items()
        ),
        since=since,
        is_complete=read.is_complete,
    )


OBSERVERS: Mapping[FactsKind, Callable[[Asked], Awaitable[Facts | None]]] = MappingProxyType(
    {
        FactsKind.NODE: lambda a: _node(a.target, a.ports, a.wanted),
        FactsKind.MACHINE: lambda a: _machine(a.target, a.settings, a.ports),
        FactsKind.DISKS: lambda a: _disks(a.target, a.ports),
        FactsKind.FAILED_TASKS: lambda a: _failed_tasks(
            a.target, a.signal, a.settings, a.ports
        ),
        FactsKind.SLURM_NODE: lambda a: _slurm_node(a.target, a.ports),
        FactsKind.BATCH_NODE: lambda a: _batch_node(a.target, a.ports),
        FactsKind.BATCH_NODES: lambda a: _batch_nodes(a.target, a.signal, a.ports),
        FactsKind.BATCH_JOB: lambda a: observe_batch_job(a.target, a.settings, a.ports),
        FactsKind.BATCH_POOL: lambda a: observe_batch_pool(a.target, a.ports),
        FactsKind.STANDALONE: lambda a: _standalone(a.target, a.ports),
        FactsKind.POOL_INSTANCE: lambda a: _pool_instance(a.target, a.ports),
        FactsKind.SPOT: lambda a: _spot(a.target, a.ports),
        FactsKind.SPOT_POOL: lambda a: _spot_pool(a.target, a.ports),
        FactsKind.VM_HEALTH: lambda a: _vm_health(a.target, a.ports),
        FactsKind.PATCHES: lambda a: a.ports.patching.patches(a.target.text),
        FactsKind.LEFTOVER: lambda a: a.ports.leftovers.leftover(a.target.text),
        FactsKind.ML_JOB: lambda a: observe_job(a.target, a.ports),
        FactsKind.ML_INSTANCE: lambda a: observe_instance(a.target, a.settings, a.ports),
        FactsKind.ENDPOINT: lambda a: observe_endpoint(a.target, a.ports),
        FactsKind.ML_CLUSTER: lambda a: observe_cluster(a.target, a.ports),
        FactsKind.ML_EXTENSION: lambda a: observe_extension(
            a.target.text, a.settings, a.ports
        ),
        FactsKind.SNAPSHOT_COPIES: lambda a: a.ports.snapshots.copies_of(a.target.text),
        FactsKind.SNAPSHOTS: lambda a: a.ports.snapshots.of_disk(a.target.text),
        FactsKind.RESTORE_POINTS: lambda a: a.ports.restore_points.of(a.target.text),
    }
)
"""How each kind is read; ``RESOURCE``, which needs no ARM id, is not among them."""
