"""Virtual machines and their disks, as they were observed at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.resources import Resource


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How busy a machine was over a whole window; None where the platform gave no data.

    Attributes:
        cpu: Highest of the averages in the window, fraction 0..1.
        gpu: The same of its GPUs, fraction 0..1.
        network: Highest of the rates in and out together, bytes a second.
        samples: Points with a value, of the metric that has fewest.
        expected_samples: Points the window should have.
    """

    window: timedelta
    cpu: float | None
    gpu: float | None
    network: float | None
    samples: int
    expected_samples: int


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """A VM or an Azure ML compute instance, its power and how busy it was.

    Attributes:
        power: ``running``, ``deallocated``, ``stopped``, ... or None if unknown.
        has_gpu: By its size; None if the size is unknown.
        started_at: When it last entered ``running``, or None if not told.
        changed_at: When Azure last ended an operation on it, a start or a stop among them.
    """

    resource: Resource
    power: str | None
    has_gpu: bool | None
    utilisation: Utilisation | None
    started_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ManagedDisk:
    """One managed disk of a VM."""

    id: str
    location: str
    role: str  # "os" or "data"


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A VM and its managed disks."""

    resource: Resource
    power: str | None
    disks: tuple[ManagedDisk, ...]


@dataclass(frozen=True, slots=True)
class StandaloneFacts:
    """A VM that may stand alone; an instance of a scale set comes without power and disks."""

    resource: Resource
    power: str | None
    disks: tuple[ManagedDisk, ...] = ()


def has_gpu(size: str) -> bool | None:
    """Tell from the size's name whether a VM has a GPU; None if no size is known.

    The N family is the GPU family (NC, ND, NG, NV); Azure ML sizes are spelled the
    same, sometimes in capitals.

    Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview
    """
    if not size:
        return None
    return size.casefold().removeprefix("standard_").startswith("n")
