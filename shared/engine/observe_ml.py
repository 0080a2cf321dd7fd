"""Gather what is decided about Azure ML jobs. Reads only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from shared.core.errors import InvalidTarget
from shared.core.ml_jobs import MlJobFacts, budget_key
from shared.core.resource_ids import ML_JOB, ResourceId
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
