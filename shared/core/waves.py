"""A wave: the notices for nodes of one job that come close together are one interruption.

One row a job. The first plan that meets the job begins the wave and tells the job; all
wait for one moment, and then what the job has on every noticed node leaves together: one
signal, and one reason for its operator to begin it anew. Pure.

Whoever only joins reads the row and writes nothing, unless its own deadline is nearer: so
a job on five hundred nodes has one row that hardly anybody writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

TAKE_OVER = timedelta(seconds=3)
"""How long the plan that leads may take to tell the job before another one does."""
TOLD_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Wave:
    """What is known of the last wave that met a job.

    Attributes:
        key: Names the job, whatever it runs on.
        first: Plan that began it; names the wave.
        began_at: When; None if the job never met one.
        leader: Plan that tells the job, the first unless that one ended before it could.
        lead_at: Since when.
        told_at: When the job had been told, or it was seen that it does not ask.
        told: Who was told, by name, so many at most.
        saved: What the job had said of its checkpoint when the plan that leads last looked.
        leave_at: When what is left of it on noticed nodes is moved.
        etag: Version of the row; empty if there is none yet.
    """

    key: str
    first: str = ""
    began_at: datetime | None = None
    leader: str = ""
    lead_at: datetime | None = None
    told_at: datetime | None = None
    told: tuple[str, ...] = ()
    saved: str = ""
    leave_at: datetime | None = None
    etag: str = ""

    def is_over(self, now: datetime, window: timedelta) -> bool:
        """Tell whether a notice that comes now begins a wave of its own."""
        if self.began_at is None or self.leave_at is None:
            return True
        return now >= max(self.began_at + window, self.leave_at)

    def may_leave(self, now: datetime) -> bool:
        """Tell whether its moment has come."""
        return self.leave_at is not None and now >= self.leave_at


def join(
    wave: Wave,
    plan: str,
    *,
    now: datetime,
    window: timedelta,
    lead: timedelta,
    until: datetime | None,
) -> Wave:
    """Take part in the wave, or begin one; the same value if nothing need be written.

    Args:
        lead: How long a job that is told has before it is moved.
        until: The latest moment for which this plan can wait.
    """
    if wave.is_over(now, window) and wave.first != plan:
        return Wave(
            key=wave.key,
            first=plan,
            began_at=now,
            leader=plan,
            lead_at=now,
            leave_at=_sooner(now + lead, until),
            etag=wave.etag,
        )
    leave_at = _sooner(wave.leave_at, until)
    return wave if leave_at == wave.leave_at else replace(wave, leave_at=leave_at)


def take_over(wave: Wave, plan: str, now: datetime) -> Wave:
    """Lead in place of a plan that ended before it had told the job."""
    is_late = wave.lead_at is not None and now >= wave.lead_at + TAKE_OVER
    if wave.told_at is not None or wave.leader == plan or not is_late:
        return wave
    return replace(wave, leader=plan, lead_at=now)


def note_told(
    wave: Wave, names: tuple[str, ...], *, now: datetime, gather: timedelta, saved: str = ""
) -> Wave:
    """Write down who was told; a job that nobody had to tell waits only for its others.

    Args:
        gather: How long the wave's other notices are waited for then.
    """
    if wave.told_at is not None:
        return wave
    began = wave.began_at or now
    leave_at = wave.leave_at if names else _sooner(wave.leave_at, began + gather)
    told = names[:TOLD_AT_MOST]
    return replace(wave, told_at=now, told=told, leave_at=leave_at, saved=saved)


def leave_now(wave: Wave, now: datetime, saved: str = "") -> Wave:
    """Wait no longer: the job is safe, or has nothing anywhere else."""
    leave_at = _sooner(wave.leave_at, now)
    if leave_at == wave.leave_at:
        return wave
    return replace(wave, leave_at=leave_at, saved=saved or wave.saved)


def latest(deadline: datetime | None, margin: timedelta, now: datetime) -> datetime | None:
    """Say how long a plan may wait: half of what is left; the rest is for those who leave."""
    if deadline is None:
        return None
    return now + max(deadline - margin - now, timedelta(0)) / 2


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
