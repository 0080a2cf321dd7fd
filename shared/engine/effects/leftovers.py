"""Mark, unmark, remove what is left over; each looks again before it writes."""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.leftovers import LeftoverFacts, marked_until, why_removable
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(minutes=30)


async def mark(work: Work) -> StepResult:
    """Write until when it may stay; a mark that stands is not moved."""
    wanted = str(work.args["remove_after"])
    found = await work.ports.leftovers.leftover(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if found.remove_after == wanted:
        return done(remove_after=wanted) if work.record.attempts > 1 else already()
    if found.remove_after:
        return refused(Reason.NO_LONGER_WANTED, remove_after=found.remove_after)
    if not is_wanted(found, work):
        return refused(Reason.NOT_LEFT_OVER)
    work.must_be_ours()
    await work.ports.leftovers.mark(work.target, remove_after=wanted)
    raise not_yet("marking", work.soon())


async def unmark(work: Work) -> StepResult:
    """Take our mark off."""
    found = await work.ports.leftovers.leftover(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if not found.remove_after:
        return done() if work.record.attempts > 1 else already()
    work.must_be_ours()
    await work.ports.leftovers.mark(work.target, remove_after="")
    raise not_yet("taking the mark off", work.soon())


async def remove(work: Work) -> StepResult:
    """Delete what is left over still, and whose marked date has passed."""
    found = await work.ports.leftovers.leftover(work.target)
    sent = work.since("sent_at")
    if found is None:
        return done() if sent else already(Reason.TARGET_GONE)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT)
    if sent is None:
        until = marked_until(found.remove_after)
        if found.remove_after != str(work.args["remove_after"]) or until is None:
            return refused(Reason.NO_LONGER_WANTED, remove_after=found.remove_after)
        if until > work.now():
            return refused(Reason.TOO_SOON, remove_after=found.remove_after)
        if not is_wanted(found, work):
            return refused(Reason.NOT_LEFT_OVER)
        work.must_be_ours()
        await work.ports.leftovers.remove(work.target)
        raise not_yet("removing", work.soon(), sent_at=write_moment(work.now()))
    raise not_yet("removing", work.soon(), **work.progress)


def is_wanted(found: LeftoverFacts, work: Work) -> bool:
    """Tell whether it may go still, for the reason that it was decided for."""
    return why_removable(found, work.now()) == str(work.args["because"])
