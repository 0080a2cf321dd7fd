"""What is read of a Batch account's jobs and pools to decide about one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.batch_jobs import BatchJobFacts
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import BATCH_JOB, ResourceId
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
