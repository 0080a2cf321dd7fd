"""Whether a compute instance may be stopped: what runs on it, and whether it would return.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
("make sure that at least 1-2 GB are free" before a stop or restart)
"""

from __future__ import annotations

from typing import Protocol

from shared.core.decisions import Hold, Reason, Skip
from shared.core.facts import MlInstanceFacts
from shared.core.ml_instances import JOB_RUNNING

LEAST_MB = 1024


class Room(Protocol):
    """What a rule says about free space; settings of a remediation."""

    @property
    def free_mb(self) -> float:
        """Least free space on its disks, megabytes."""
        ...

    @property
    def even_if_disk_unknown(self) -> bool:
        """Whether to go on though nobody can tell."""
        ...


def must_leave_room(wanted: Room) -> None:
    """Refuse less than a stop needs.

    Raises:
        ValueError: It is.
    """
    if wanted.free_mb < LEAST_MB:
        raise ValueError(f"free_mb is below what Azure needs: write {LEAST_MB} or more")


def job_on(facts: MlInstanceFacts) -> str:
    """Say which job is on an instance, or nothing if none is."""
    if facts.jobs:
        return f"the job {facts.jobs[0]} is on it"
    return "a job runs on it" if facts.instance.state == JOB_RUNNING else ""


def no_room(facts: MlInstanceFacts, wanted: Room) -> Hold | Skip | None:
    """Say why its disk forbids a stop; None if it does not."""
    free = facts.disk_free_mb
    if free is None:
        if wanted.even_if_disk_unknown:
            return None
        return Hold(Reason.NO_DATA, detail="how much of its disk is free is not known")
    if free < wanted.free_mb:
        return Skip(Reason.DISK_FULL, f"{free:.0f} MB are free, {wanted.free_mb:.0f} needed")
    return None
