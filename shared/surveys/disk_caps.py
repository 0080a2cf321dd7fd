"""Disks that reach what they, or their machine's size, may do.

A machine whose disks are at their cap waits for them, however fast its GPU is.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-metrics,
https://learn.microsoft.com/azure/virtual-machines/disks-performance
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.core.posture import seen_of
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Listing,
    Measure,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

NAMESPACE = "Microsoft.Compute/virtualMachines"
OF_DISKS = (
    "OS Disk IOPS Consumed Percentage",
    "OS Disk Bandwidth Consumed Percentage",
    "Data Disk IOPS Consumed Percentage",
    "Data Disk Bandwidth Consumed Percentage",
)
OF_SIZE = (
    "VM Cached IOPS Consumed Percentage",
    "VM Cached Bandwidth Consumed Percentage",
    "VM Uncached IOPS Consumed Percentage",
    "VM Uncached Bandwidth Consumed Percentage",
)
CAP = 95.0
SEVERAL = 2
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)

DISK = Point(
    "disk_cap_reached",
    Severity.WARNING,
    "A disk used 95 % or more of its IOPS or bandwidth, on average over two or more hours of "
    "the last day.",
    "https://learn.microsoft.com/azure/virtual-machines/disks-performance",
    "Take a larger or faster disk (Premium SSD v2, Ultra), stripe several, or cache it.",
)
SIZE = Point(
    "size_cap_reached",
    Severity.WARNING,
    "The disks together used 95 % or more of what the machine's size lets through.",
    "https://learn.microsoft.com/azure/virtual-machines/disks-performance",
    "Take a size with more disk throughput, or keep scratch data on the local disk.",
)


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name the machines whose disks are at a cap for hours; not measured is not judged."""
    for item in seen.items["vms"]:
        for point, metrics in ((DISK, OF_DISKS), (SIZE, OF_SIZE)):
            worst = {
                metric: hours
                for metric in metrics
                if (hours := sum(one >= CAP for one in seen.measured(metric, item.id)))
                >= SEVERAL
            }
            if worst:
                words = ", ".join(
                    f"{metric}: {hours} hours" for metric, hours in worst.items()
                )
                yield point.found(item.id, f"at 95 % or more in the last day: {words}")


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_VM = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachines/a"
)
READS = {
    "vms": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines",
        api_version="2024-07-01",
        keep=kept,
    )
}


def _seen(metric: str, *points: float) -> Seen:
    told = {metric: {_VM.casefold(): points}}
    return seen_of(_SUBSCRIPTION, READS, {"vms": [{"id": _VM}]}, told)


SURVEY = Survey(
    name="disk_caps",
    summary="Disks at the cap of their own size, or of their machine's.",
    says=SignalType.POSTURE_FOUND,
    every=_DAY,
    reads=READS,
    measures=tuple(
        Measure("vms", NAMESPACE, metric, "average", window=_DAY, grain=_HOUR)
        for metric in (*OF_DISKS, *OF_SIZE)
    ),
    actions=("Microsoft.Compute/virtualMachines/read", "Microsoft.Insights/metrics/read"),
    look=look,
    points=(DISK, SIZE),
    examples=(
        SurveyExample("half of what it may", _seen(OF_DISKS[2], 50.0, 60.0), _NOW, ()),
        SurveyExample("one busy hour", _seen(OF_DISKS[2], 50.0, 100.0), _NOW, ()),
        SurveyExample("nothing was measured", _seen(OF_DISKS[2]), _NOW, ()),
        SurveyExample(
            "a data disk at its IOPS for hours",
            _seen(OF_DISKS[2], 99.0, 98.0, 10.0),
            _NOW,
            ("disk_cap_reached",),
        ),
        SurveyExample(
            "more disks than the size lets through",
            _seen(OF_SIZE[3], 97.0, 100.0),
            _NOW,
            ("size_cap_reached",),
        ),
    ),
)
