"""Gather what is decided on about Azure ML jobs and computes. Reads only."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.facts import MachineFacts, MlInstanceFacts, has_gpu
from shared.core.ml_clusters import MlCluster
from shared.core.ml_instances import JOB_RUNNING, RUNNING
from shared.core.ml_jobs import MlJobFacts, budget_key
from shared.core.ml_measures import DISK_FREE
from shared.core.resource_ids import ML_COMPUTE, ML_JOB, ResourceId
from shared.engine.night import Ports


async def observe_job(target: ResourceId, ports: Ports) -> MlJobFacts | None:
    """Read a job, its workspace, and, once it has ended, the cluster that it ran on."""
    if target.type != ML_JOB:
        raise InvalidTarget(
            f"{target.text} is a {target.type or 'container'}; wanted: {ML_JOB}"
        )
    resource, job = await asyncio.gather(
        ports.resources.resource(target.text), ports.machine_learning.job(target.text)
    )
    if resource is None or job is None:
        return None
    key = budget_key(target.parent, job)
    spent = await ports.ledger.spent([key])
    cluster = None
    if job.has_ended and job.compute:
        cluster = await ports.machine_learning.cluster(job.compute)
    own = {name.casefold() for name in job.tags}
    above = {k: v for k, v in resource.tags.items() if k.casefold() not in own}
    return MlJobFacts(
        resource=replace(
            resource, tags={**above, **job.tags}, pool=job.compute or resource.pool
        ),
        job=job,
        cluster=cluster,
        resubmitted=spent.get(key, 0),
    )


async def observe_cluster(target: ResourceId, ports: Ports) -> MlCluster | None:
    """Read a compute cluster."""
    _must_be_compute(target)
    return await ports.machine_learning.cluster(target.text)


async def observe_instance(
    target: ResourceId, settings: Any, ports: Ports
) -> MlInstanceFacts | None:
    """Read a compute instance; how it is used only for settings that say over how long."""
    _must_be_compute(target)
    found = await ports.machine_learning.compute_instance(target.text)
    if found is None:
        return None
    resource, instance = found
    window = getattr(settings, "idle_for", None)
    if window is None or instance.state not in {RUNNING, JOB_RUNNING}:
        return MlInstanceFacts(resource, instance)
    machine = MachineFacts(resource, RUNNING, has_gpu(resource.size), None)
    jobs, use, disk = await asyncio.gather(
        ports.machine_learning.active_jobs(target.text),
        ports.metrics.utilisation([machine], window=window, gpu_metric=""),
        ports.metrics.points({target.text: resource.location}, DISK_FREE),
    )
    free = disk.get(target.key)
    return MlInstanceFacts(
        resource,
        instance,
        jobs=jobs,
        utilisation=use.get(target.key),
        disk_free_mb=min(free) if free else None,
    )


def _must_be_compute(target: ResourceId) -> None:
    if target.type != ML_COMPUTE:
        kind = target.type or "container"
        raise InvalidTarget(f"{target.text} is a {kind}; wanted: {ML_COMPUTE}")
