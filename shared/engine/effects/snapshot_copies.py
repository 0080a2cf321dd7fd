"""A copy of a snapshot in another region, named by both; done when it has arrived."""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.resource_ids import same_resource
from shared.core.snapshot_copies import copy_id, not_allowed
from shared.core.snapshots import TAG_EXPIRES, TAG_OF, TAG_PLAN
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(hours=24)
"""A full first copy of a large disk takes hours; the platform names no limit."""
LOOK_AGAIN = timedelta(minutes=1)


async def snapshot_copy(work: Work) -> StepResult:
    """Copy one snapshot; whether its data may lie there is asked again before it begins."""
    to = str(work.args["region"])
    name = copy_id(work.target, to)
    found = await work.ports.snapshots.copies_of(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    copy = next((one for one in found.copies if same_resource(one.id, name)), None)
    if copy is not None and copy.is_good:
        return done(copy=name) if work.record.attempts > 1 else already(copy=name)
    if copy is not None and copy.has_failed:
        return failed(Reason.REJECTED, copy=name)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, copy=name)
    if copy is None:
        if why := not_allowed(to, [to], found.resource.tags):
            return refused(Reason.REGION_NOT_ALLOWED, why=why)
        expires = found.snapshot.expires_on
        work.must_be_ours()
        await work.ports.snapshots.copy(
            name,
            source=work.target,
            location=to,
            tags={
                TAG_OF: found.snapshot.of,
                TAG_PLAN: work.plan.id,
                **({TAG_EXPIRES: str(write_moment(expires))} if expires else {}),
            },
        )
        raise not_yet(f"copying {work.target} to {to}", work.soon())
    raise not_yet(f"copying {work.target} to {to}", LOOK_AGAIN)
