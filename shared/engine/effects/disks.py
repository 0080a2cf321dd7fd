"""Incremental snapshots, named by the step that wants them."""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Reason
from shared.core.durations import parse_duration
from shared.core.ledger import StepResult
from shared.core.resource_ids import ResourceId, same_resource
from shared.core.snapshots import (
    TAG_EXPIRES,
    TAG_OF,
    TAG_PLAN,
    TAG_SOURCE,
    Snapshot,
    disk_key,
    young_enough,
)
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet

LIMIT = timedelta(minutes=30)


def snapshot_id(disk: str, key: str, name: str = "") -> str:
    """Name the snapshot of a disk after the step, beside the disk; repeatable so.

    One that was named with the plan, after its disk and its day, is the same for every plan
    of that day.
    """
    group = ResourceId.parse(disk).text.split("/providers/", 1)[0]
    return f"{group}/providers/Microsoft.Compute/snapshots/{name or f'nightshift-{key}'}"


async def snapshot(work: Work) -> StepResult:
    """Save one disk; done only when the snapshot can be read and is of this disk.

    Source: https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots
    """
    name = snapshot_id(work.target, work.key, str(work.args.get("name") or ""))
    found = await work.ports.compute.snapshot(name)
    if found is not None and not same_resource(found.source, work.target):
        return failed(Reason.REJECTED, snapshot=name, is_of=found.source)
    if found is not None and found.has_failed:
        return failed(Reason.REJECTED, snapshot=name)
    if found is not None and found.is_ready:
        was_ours = work.record.attempts > 1
        return done(snapshot=name) if was_ours else already(snapshot=name)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, snapshot=name)
    if found is None:
        young = await _young_enough(work)
        if young is not None:
            return already(snapshot=young.id, taken_at=write_moment(young.taken_at))
        work.must_be_ours()
        await work.ports.compute.create_snapshot(
            name,
            disk=work.target,
            location=str(work.args["location"]),
            tags={
                TAG_SOURCE: ResourceId.parse(work.target).name,
                TAG_PLAN: work.plan.id,
                TAG_OF: disk_key(work.target),
                TAG_EXPIRES: str(work.args["expires"]),
            },
        )
    raise not_yet(f"snapshotting {work.target}", work.soon())


async def _young_enough(work: Work) -> Snapshot | None:
    """Find a snapshot of the disk that will do; only where the step says how old it may be."""
    if "within" not in work.args:
        return None
    known = await work.ports.snapshots.of_disk(work.target)
    within = parse_duration(str(work.args["within"]))
    return young_enough(known.saved if known else (), within, work.now())
