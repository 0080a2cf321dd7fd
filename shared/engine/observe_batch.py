"""What is read of a Batch account's jobs and pools to decide about one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.batch_jobs import BatchJobFacts
from shared.core.batch_pools import BatchPoolFacts
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import BATCH_JOB, BATCH_POOL, ResourceId
from shared.engine.night import Ports


async def observe_batch_job(
    target: ResourceId, settings: Any, ports: Ports
) -> BatchJobFacts | None:
    """Read a job, and whether anything of it moved within the rule's time."""
    if target.type != BATCH_JOB:
        raise InvalidTarget(f"{target.text} is no Batch job: write {{account}}/jobs/{{job}}")
    account = await ports.resources.resource(target.parent)
    job = await ports.batch.job(target.parent, target.name) if account else None
    if account is None or job is None:
        return None
    since = ports.clock.now() - settings.done_for
    moved = await ports.batch.has_moved(target.parent, target.name, since=since)
    tags = {**account.tags, **job.labels}
    resource = replace(account, id=target.text, type=BATCH_JOB, name=target.name, tags=tags)
    return BatchJobFacts(resource, job, moved)


async def observe_batch_pool(target: ResourceId, ports: Ports) -> BatchPoolFacts | None:
    """Read a pool, what its nodes do, and how many tasks of its jobs wait or run."""
    if target.type != BATCH_POOL:
        raise InvalidTarget(
            f"{target.text} is no Batch pool: write {{account}}/pools/{{pool}}"
        )
    account = await ports.resources.resource(target.parent)
    pool = await ports.batch_nodes.pool(target.parent, target.name) if account else None
    if account is None or pool is None:
        return None
    busy, since = await ports.batch_nodes.idle_since(target.parent, target.name)
    jobs = await ports.batch.active_jobs(target.parent)
    own = [job for job in jobs if job.pool.casefold() == target.name.casefold()]
    tags = {**account.tags, **pool.labels}
    resource = replace(
        account, id=target.text, type=BATCH_POOL, name=pool.id, size=pool.size, tags=tags
    )
    return BatchPoolFacts(resource, pool, busy, since, sum(job.unfinished or 0 for job in own))
