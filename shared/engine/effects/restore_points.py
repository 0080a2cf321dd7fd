"""Restore points, named by their day and their date; removed past it, but for the newest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.resource_ids import ResourceId
from shared.core.restore_points import collection_id, expired
from shared.core.snapshots import TAG_OF, TAG_PLAN, TAG_SOURCE, disk_key
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(hours=2)
"""A restore point whose disks are copied first takes as long as a snapshot of each."""


async def restore_point(work: Work) -> StepResult:
    """Save all disks of a machine at one moment; done when the point can be read as whole."""
    point = f"{collection_id(work.target)}/restorePoints/{work.args['name']}"
    found = await work.ports.restore_points.point(point)
    if found is not None and found.has_failed:
        return failed(Reason.REJECTED, restore_point=point)
    if found is not None and found.is_good:
        said: dict[str, Any] = {
            "restore_point": point,
            "disks": found.disks,
            "consistency": found.consistency,
        }
        return done(**said) if work.record.attempts > 1 else already(**said)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, restore_point=point)
    if found is None:
        work.must_be_ours()
        await work.ports.restore_points.create(
            point,
            machine=work.target,
            location=str(work.args["location"]),
            tags={
                TAG_SOURCE: ResourceId.parse(work.target).name,
                TAG_PLAN: work.plan.id,
                TAG_OF: disk_key(work.target),
            },
        )
    raise not_yet(f"making a restore point of {work.target}", work.soon())


async def restore_point_remove(work: Work) -> StepResult:
    """Delete a restore point that is past its date still, and not the newest whole one."""
    found = await work.ports.restore_points.point(work.target)
    sent = work.since("sent_at")
    if found is None:
        return done() if sent else already(Reason.TARGET_GONE)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT)
    if sent is None:
        held = await work.ports.restore_points.of(ResourceId.parse(work.target).parent)
        points = held.points if held else ()
        wanted = work.target.casefold()
        if wanted not in {one.id.casefold() for one in expired(points, work.now())}:
            return refused(Reason.NO_LONGER_WANTED)
        work.must_be_ours()
        await work.ports.restore_points.remove(work.target)
        raise not_yet("removing", work.soon(), sent_at=write_moment(work.now()))
    raise not_yet("removing", work.soon(), **work.progress)
