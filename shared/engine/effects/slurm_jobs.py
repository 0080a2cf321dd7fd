"""Tell the jobs on a Slurm node that ask for it, then let them run again elsewhere.

A job on several machines is one job: of the plans that one wave of notices opens, one
signals it and one puts it back into the queue, once the others have drained their nodes.

Without a requeue over REST (before Slurm 26.05) a node that is drained is set DOWN: its
jobs run again elsewhere if they may, and end if not. DRAIN comes first, because a node
that is only DOWN takes jobs again as soon as its daemon says hello.

Source: https://slurm.schedmd.com/scontrol.html (State=DOWN),
https://slurm.schedmd.com/slurm.conf.html#OPT_ReturnToService
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.gangs import age_s
from shared.core.ledger import StepResult
from shared.core.slurm import SlurmJob, SlurmNode
from shared.core.waves import Wave
from shared.core.wire import write_moment
from shared.engine.effects.slurm_nodes import same_node, settled, was_resumed
from shared.engine.effects.slurm_waves import (
    WAVES,
    held,
    is_shared,
    joined,
    must_tell,
    noted,
    safe,
)
from shared.engine.effects.waves import LEAD, span
from shared.engine.effects.work import (
    Work,
    already,
    done,
    each,
    failed,
    not_yet,
    refused,
)

LOOK_AGAIN = timedelta(seconds=1)
BEFORE = "before"
NAMED_AT_MOST = 50


async def slurm_checkpoint(work: Work) -> StepResult:
    """Signal the jobs that ask for it, and wait until each says it is safe, or is over.

    Who never says anything is waited for as long as the rule allows and the deadline
    leaves. Of the plans of one wave one signals a job; a worker that takes over from one
    that died before it could record the signal sends it again.
    """
    node = await same_node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    if was_resumed(work, node):
        return refused(Reason.RESUMED_BY_HAND, node=node.name)
    jobs = await work.ports.slurm.jobs(node)
    asking = [job for job in jobs if job.asks]
    if not asking and not any(map(is_shared, jobs)) and BEFORE not in work.progress:
        return already(node=node.name, signalled=[])
    if BEFORE not in work.progress:
        before = {job.run: job.checkpointed for job in asking}
        await work.remember({"at": write_moment(work.now()), BEFORE: before})
    else:
        before = dict(work.progress[BEFORE])
    return await _stand(work, node, jobs, before)


async def _stand(
    work: Work, node: SlurmNode, jobs: Sequence[SlurmJob], before: dict[str, str]
) -> StepResult:
    """Take part in each job's wave, signal those that fall to us, wait for the silent."""
    at = work.since("at") or work.now()
    mine: dict[str, str] = dict(work.progress.get(WAVES, {}))
    concerned = [job for job in jobs if job.run in before or is_shared(job)]
    seen = await each(concerned, lambda job: _meet(work, node, job, mine, at))
    waves = {job.run: wave for job, wave in zip(concerned, seen, strict=True)}
    mine |= {str(job.id): wave.first for job, wave in zip(concerned, seen, strict=True)}
    here = {job.run: job for job in jobs}
    silent = [run for run, said in before.items() if _is_silent(here.get(run), said)]
    kept = {"at": write_moment(at), BEFORE: before, WAVES: mine}
    if any(work.now() < _until(work, at, waves[run]) for run in silent):
        raise not_yet(f"waiting for checkpoints on {node.name}", LOOK_AGAIN, **kept)
    for run in waves.keys() & before.keys() - set(silent):
        await safe(work, node, here[run], mine[str(here[run].id)])
    told = {run for run, wave in waves.items() if run in wave.told}
    ours = {run for run in told if waves[run].leader == work.plan.id}
    said = {run: job.checkpointed for run, job in here.items() if run not in silent}
    end = done if before else already
    return end(
        node=node.name,
        signalled=sorted(ours | (set(work.progress.get("sent", ())) - told)),
        signalled_by_others=sorted(told - ours),
        checkpointed={run: words for run, words in said.items() if run in before},
        unheard=silent[:NAMED_AT_MOST],
        waves=mine,
    )


def _is_silent(job: SlurmJob | None, before: str) -> bool:
    return job is not None and job.checkpointed == before


async def _meet(
    work: Work, node: SlurmNode, job: SlurmJob, mine: Mapping[str, str], at: datetime
) -> Wave:
    """Join the job's wave, and signal the job if that falls to us."""
    until = _last_moment(work) or at + span(work, "wait_s", LEAD)
    wave = await joined(work, node, job, mine=mine.get(str(job.id), ""), at=at, until=until)
    if not must_tell(work, wave):
        return wave
    was_told = False
    if job.asks:
        whom, _, named = job.asks.partition(":")
        work.must_be_ours()
        signal = named or str(work.args["signal"])
        was_told = await work.ports.slurm.signal(node, job, signal, whom=whom)
    return await noted(work, node, job, was_told=was_told)


def _until(work: Work, began: datetime, wave: Wave) -> datetime:
    """Say how long a checkpoint is waited for: no longer than the others of its wave do."""
    until = began + timedelta(seconds=work.args["wait_s"])
    limits = (until, _last_moment(work), wave.leave_at)
    return min(limit for limit in limits if limit is not None)


def _last_moment(work: Work) -> datetime | None:
    margin = timedelta(seconds=work.args["margin_s"])
    return work.deadline - margin if work.deadline else None


async def slurm_requeue(work: Work) -> StepResult:
    """Let the jobs run again elsewhere, and see that they have left the node.

    A node that others drained is not ours to give up: there only a requeue over REST
    helps. Jobs that may not run again end with the machine; unless the rule says to, none
    is ended before.
    """
    node = await same_node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    if was_resumed(work, node):
        return refused(Reason.RESUMED_BY_HAND, node=node.name)
    jobs = await work.ports.slurm.jobs(node)
    left = [job for job in jobs if _must_leave(work, job)]
    if not left and _is_safe(work, jobs):
        return _over(work, node, jobs)
    late = _too_late(work)
    if late:
        return failed(late, node=node.name, remaining=_names(jobs))
    if not left:
        return await _wait_for_others(work, node, jobs)
    if "asked" in work.progress:
        raise not_yet(f"emptying {node.name}", LOOK_AGAIN, **work.progress)
    begin = _begin(work)
    if work.now() < begin:
        wait = min(LOOK_AGAIN, begin - work.now())
        raise not_yet(f"giving jobs on {node.name} time to end", wait, **work.progress)
    waiting = await held(work, node, left, _waves(work))
    if waiting:
        raise not_yet(f"moving {waiting[0]} with its other nodes", LOOK_AGAIN, **work.progress)
    return await _ask(work, node, jobs)


async def _ask(work: Work, node: SlurmNode, jobs: Sequence[SlurmJob]) -> StepResult:
    """Requeue over REST where that is served, else give the node up; then come back."""
    again = [job for job in jobs if _is_moved(work, job)]
    others = [job for job in jobs if job not in again]
    ages = {job.run: age_s(job.checkpointed, work.now().timestamp()) for job in again}
    work.must_be_ours()
    is_asked = bool(again) and await work.ports.slurm.requeue(node, again)
    must_end = bool(others) and work.args["requeue"] == "all"
    if (again and not is_asked) or must_end:
        if not node.is_ours:
            return refused(Reason.DRAINED_BY_OTHERS, node=node.name, remaining=_names(jobs))
        if others and not must_end:
            return await _wait_for_others(work, node, jobs)
        if not node.is_down:
            await settled(work, node, lambda: work.ports.slurm.down(node))
    raise not_yet(
        f"emptying {node.name}",
        LOOK_AGAIN,
        asked=_names(again),
        ends=_names(others) if must_end else [],
        ages={run: age for run, age in ages.items() if age is not None},
    )


async def _wait_for_others(
    work: Work, node: SlurmNode, jobs: Sequence[SlurmJob]
) -> StepResult:
    """Wait for jobs that would be ended and may not run again, as long as there is time."""
    last = _last_moment(work)
    if last is not None and work.now() >= last:
        return failed(Reason.JOBS_REMAIN, node=node.name, remaining=_names(jobs))
    raise not_yet(f"waiting for jobs on {node.name} to end", LOOK_AGAIN, **work.progress)


def _waves(work: Work) -> dict[str, str]:
    """Return which waves the jobs were met in, as the step before wrote them down."""
    found: dict[str, str] = {}
    for record in work.plan.steps[: work.index]:
        found |= record.detail.get(WAVES, {})
    return found


def _is_moved(work: Work, job: SlurmJob) -> bool:
    return job.is_requeueable and work.args["requeue"] != "none"


def _must_leave(work: Work, job: SlurmJob) -> bool:
    return _is_moved(work, job) or work.args["requeue"] == "all"


def _is_safe(work: Work, jobs: Sequence[SlurmJob]) -> bool:
    """Tell whether nothing is left that this step could do something for."""
    must_be_empty = work.args["requeue"] == "all" or work.args.get("empty", False)
    return not (jobs and must_be_empty)


def _over(work: Work, node: SlurmNode, jobs: Sequence[SlurmJob]) -> StepResult:
    detail: dict[str, Any] = {"node": node.name, "left": _names(jobs)}
    if "asked" not in work.progress and work.record.attempts <= 1:
        return already(**detail)
    asked, ends = work.progress.get("asked", []), work.progress.get("ends", [])
    ages = work.progress.get("ages", {})
    return done(**detail, requeued=asked, ended=ends, checkpoint_age_s=ages)


def _begin(work: Work) -> datetime:
    """Say when jobs are moved: after the time that the rule gives them to end."""
    began = work.record.started_at or work.now()
    at = began + timedelta(seconds=work.args["after_s"])
    return min(at, _last_moment(work) or at)


def _too_late(work: Work) -> str:
    if work.deadline is not None:
        return Reason.DEADLINE_PASSED if work.now() >= work.deadline else ""
    limit = timedelta(seconds=work.args["timeout_s"])
    return Reason.TIMED_OUT if work.running_for() >= limit else ""


def _names(jobs: Sequence[SlurmJob]) -> list[str]:
    return [job.run for job in jobs][:NAMED_AT_MOST]
