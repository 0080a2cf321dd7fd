"""One signal and one requeue for a Slurm job, on however many noticed nodes it is.

By job and not by run: a job that was put back into the queue and began anew on the next
noticed node, within the window, has nothing new to save.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.core.slurm import SlurmJob, SlurmNode
from shared.core.waves import TAKE_OVER, Wave, join, leave_now, note_told, take_over
from shared.engine.effects.waves import GATHER, LEAD, WINDOW, changed, span
from shared.engine.effects.work import Work

WAVES = "waves"


def is_shared(job: SlurmJob) -> bool:
    """Tell whether a job may be met by more than one notice."""
    return len(job.nodes) > 1


async def joined(
    work: Work, node: SlurmNode, job: SlurmJob, *, mine: str, at: datetime, until: datetime
) -> Wave:
    """Take part in the job's wave; lead it if whoever did is gone before it told the job.

    Args:
        mine: Name of the wave that this plan takes part in already, or empty.
        at: When this plan met the job.
        until: The latest moment for which it can wait.
    """
    plan, now = work.plan.id, work.now()
    lead, window = span(work, "wait_s", LEAD), span(work, "window_s", WINDOW)

    def change(wave: Wave) -> Wave:
        if not mine:
            wave = join(wave, plan, now=at, window=window, lead=lead, until=until)
        elif wave.first != mine:
            return wave
        return take_over(wave, plan, now)

    return await changed(work.ports, key_of(node, job), change)


def must_tell(work: Work, wave: Wave) -> bool:
    """Tell whether telling the job falls to this plan."""
    return wave.leader == work.plan.id and wave.told_at is None


async def noted(work: Work, node: SlurmNode, job: SlurmJob, *, was_told: bool) -> Wave:
    """Write down that the job was told, or need not be."""
    names = (job.run,) if was_told else ()
    now, gather = work.now(), span(work, "gather_s", GATHER)

    def change(wave: Wave) -> Wave:
        if wave.leader != work.plan.id:
            return wave
        return note_told(wave, names, now=now, gather=gather)

    return await changed(work.ports, key_of(node, job), change)


async def safe(work: Work, node: SlurmNode, job: SlurmJob, mine: str) -> Wave:
    """Wait no longer for a job that said that it has saved."""
    now = work.now()

    def change(wave: Wave) -> Wave:
        return leave_now(wave, now) if wave.first == mine else wave

    return await changed(work.ports, key_of(node, job), change)


async def held(
    work: Work, node: SlurmNode, jobs: Sequence[SlurmJob], mine: Mapping[str, str]
) -> list[str]:
    """Name the jobs whose wave is not to be moved yet, or is moved by another plan.

    That plan has a few seconds for it; then whoever still has the job moves it.
    """
    waiting: list[str] = []
    for job in jobs:
        first = mine.get(str(job.id))
        if first is None or not is_shared(job):
            continue
        wave = await work.ports.waves.read(key_of(node, job))
        if wave.first == first and not _is_ours_to_move(work, wave):
            waiting.append(job.run)
    return waiting


def _is_ours_to_move(work: Work, wave: Wave) -> bool:
    now = work.now()
    if wave.leave_at is None or now < wave.leave_at:
        return wave.leave_at is None
    return wave.leader == work.plan.id or now >= wave.leave_at + TAKE_OVER


def key_of(node: SlurmNode, job: SlurmJob) -> str:
    """Name the job's wave."""
    return f"slurm|{node.cluster}|{job.id}"
