"""Close Batch jobs of which nothing is going on any more.

Source: https://learn.microsoft.com/rest/api/batchservice/jobs/terminate-job ("the Job moves
into the completed state"; tasks cannot be added to it, nor reactivated, from then on)
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.resource_ids import ResourceId
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(minutes=15)
OVER = frozenset({"completed", "deleting"})


async def batch_close_job(work: Work) -> StepResult:
    """Close a job if nothing of it has moved for as long as the rule says, just now."""
    target = ResourceId.parse(work.target)
    account, name = target.parent, target.name
    job = await work.ports.batch.job(account, name)
    if job is None:
        return already(Reason.TARGET_GONE)
    tasks: dict[str, Any] = {"succeeded": job.succeeded, "failed": job.failed}
    if job.state in OVER:
        return done(**tasks) if work.progress.get("sent_at") else already(**tasks)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, state=job.state)
    if job.state == "active":
        since = work.now() - timedelta(seconds=float(work.args["done_for_s"]))
        if await work.ports.batch.has_moved(account, name, since=since):
            return refused(Reason.IN_USE, job=name)
        sent = {"sent_at": write_moment(work.now())}
        await work.remember(sent)
        work.must_be_ours()
        await work.ports.batch.terminate_job(account, name)
        raise not_yet("closing the job", work.soon(), **sent)
    if job.state != "terminating":
        return refused(Reason.JOB_NOT_ACTIVE, state=job.state)
    raise not_yet("closing the job", work.soon(), **work.progress)
