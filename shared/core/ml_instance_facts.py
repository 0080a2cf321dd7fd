"""A compute instance of Azure ML and its use, as they were observed at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.machine_facts import Utilisation
from shared.core.ml_instances import MlInstance
from shared.core.resources import Resource


@dataclass(frozen=True, slots=True)
class MlInstanceFacts:
    """An Azure ML compute instance, and how it is used where that was asked for.

    Attributes:
        jobs: Names of jobs on it that have not ended; None if nobody asked.
        disk_free_mb: Least free space of its disks in the last hour, in megabytes.
    """

    resource: Resource
    instance: MlInstance
    jobs: tuple[str, ...] | None = None
    utilisation: Utilisation | None = None
    disk_free_mb: float | None = None
