"""Submit an Azure ML job again that lost its machines, and see what becomes of it.

The job that takes a run's place has a name made of that run alone, and the service keeps
one job of a name: whoever submits it a second time finds it there.

Source: https://learn.microsoft.com/rest/api/azureml/jobs/create-or-update
"""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.ml_jobs import PREDECESSOR_TAG, STEP_TAG, MlJob, budget_key, successor_tags
from shared.core.resource_ids import ResourceId
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused, unknown

APPEARS_WITHIN = timedelta(minutes=10)
PATIENCE = (
    (timedelta(minutes=1), timedelta(seconds=5)),
    (timedelta(minutes=10), timedelta(seconds=30)),
)
"""How long to look how often; later, every five minutes: jobs run for days."""
SELDOM = timedelta(minutes=5)


async def job_resubmit(work: Work) -> StepResult:
    """Submit the run's successor once; done when the service shows it."""
    workspace = ResourceId.parse(work.target).parent
    name = str(work.args["as"])
    there = await work.ports.machine_learning.job(f"{workspace}/jobs/{name}")
    if there is not None:
        return _there(work, there)
    job = await work.ports.machine_learning.job(work.target)
    if job is None:
        return failed(Reason.TARGET_GONE)
    if work.running_for() >= APPEARS_WITHIN:
        return failed(Reason.TIMED_OUT, job=name)
    key, most = budget_key(workspace, job), int(work.args["most"])
    if not await work.ports.ledger.spend(key, job.name, most):
        return refused(Reason.RETRIES_SPENT, most=most)
    work.must_be_ours()
    tags = successor_tags(job, work.key)
    await work.ports.machine_learning.submit_again(work.target, name=name, tags=tags)
    raise not_yet(f"submitting {name}", work.soon(), is_sent=True)


def _there(work: Work, job: MlJob) -> StepResult:
    """Say how the successor stands: ours, another's, or a job that only has its name."""
    shown = {"job": job.name, "status": job.status}
    if job.tags.get(PREDECESSOR_TAG) != ResourceId.parse(work.target).name:
        return failed(Reason.REJECTED, **shown, because="another job has that name")
    if job.tags.get(STEP_TAG) != work.key:
        return already(**shown)
    if job.status.casefold() in {"failed", "canceled"}:
        return failed(Reason.JOB_FAILED, **shown)
    return done(**shown)


async def job_watch(work: Work) -> StepResult:
    """Wait for a job's end; only one that completed is a good end, unless any will do."""
    job = await work.ports.machine_learning.job(work.target)
    if job is None:
        return failed(Reason.TARGET_GONE)
    shown = {"job": job.name, "status": job.status}
    if job.has_ended:
        is_good = job.status.casefold() == "completed" or bool(work.args["any_end"])
        return done(**shown) if is_good else failed(Reason.JOB_FAILED, **shown, said=job.error)
    if work.running_for() >= timedelta(seconds=work.args["within_s"]):
        return unknown(Reason.TIMED_OUT, **shown)
    so_far = work.running_for()
    wait = next((pause for span, pause in PATIENCE if so_far < span), SELDOM)
    raise not_yet(f"watching {job.name}", wait, status=job.status)
