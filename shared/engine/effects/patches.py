"""Assess updates, install them: asked for once, and followed by reading the machine.

An installation is never asked for twice. The intent is written first; a call whose answer
was lost is waited for, and what never shows ends as unknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.patches import IN_PROGRESS, SUCCEEDED, PatchFacts
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused, unknown

ASSESS_LIMIT = timedelta(minutes=30)
SLACK = timedelta(hours=1)
LOOK_AGAIN = timedelta(seconds=30)


async def assess_patches(work: Work) -> StepResult:
    """Have the machine assessed; done when an assessment ended after it was asked for."""
    found = await work.ports.patching.patches(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if work.since("asked_at") is not None:
        if _told(found.assessed_at) != work.progress["before"]:
            ended = _assessed(found)
            if ended is not None:
                return ended
        if work.running_for() >= ASSESS_LIMIT:
            return unknown(Reason.TIMED_OUT, assessment=found.assessment)
        raise not_yet("assessing updates", _pause(work), **work.progress)
    if found.is_on is False:
        return refused(Reason.ALREADY_STOPPED)
    work.must_be_ours()
    if found.assessment != IN_PROGRESS:
        await work.ports.patching.assess(work.target)
    now, before = write_moment(work.now()), _told(found.assessed_at)
    raise not_yet("assessing updates", _pause(work), asked_at=now, before=before)


def _assessed(found: PatchFacts) -> StepResult | None:
    if found.assessment == IN_PROGRESS:
        return None
    counts = {"urgent": found.urgent, "other": found.other}
    if found.assessment == "failed":
        return failed(Reason.REJECTED, assessment=found.assessment)
    return done(assessed_at=_told(found.assessed_at), **counts)


async def install_patches(work: Work) -> StepResult:
    """Install updates once; done when the installation that we began succeeded."""
    found = await work.ports.patching.patches(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if work.since("intent_at") is not None:
        return _followed(work, found)
    if found.is_on is False:
        return refused(Reason.ALREADY_STOPPED)
    if found.urgent == 0:
        return already(Reason.UP_TO_DATE)
    if found.installation == IN_PROGRESS:
        return refused(Reason.BUSY, installation=found.installation)
    progress = {
        "intent_at": write_moment(work.now()),
        "before": _told(found.installation_began),
    }
    await work.remember(progress)
    work.must_be_ours()
    await work.ports.patching.install(
        work.target,
        os=str(work.args["os"]),
        longest=_longest(work),
        restart=str(work.args["restart"]),
        classes=tuple(work.args["classes"]),
    )
    raise not_yet("installing updates", _pause(work), **progress)


def _followed(work: Work, found: PatchFacts) -> StepResult:
    """Tell how the installation that we asked for stands; never ask again."""
    shows = _told(found.installation_began) != work.progress["before"]
    if shows and found.installation != IN_PROGRESS:
        detail = {
            "installation": found.installation,
            "installed": found.installed,
            "failed": found.failed,
            "restart_pending": found.restart_pending,
        }
        if found.installation == SUCCEEDED:
            return done(**detail)
        return failed(Reason.REJECTED, **detail)
    if work.running_for() >= _longest(work) + SLACK:
        return unknown(Reason.UNVERIFIED, installation=found.installation)
    raise not_yet("installing updates", _pause(work), **work.progress)


def _longest(work: Work) -> timedelta:
    return timedelta(minutes=int(work.args["minutes"]))


def _pause(work: Work) -> timedelta:
    """Look often at first, then every half minute: updates take their time."""
    return min(timedelta(seconds=2 ** min(work.record.attempts, 5)), LOOK_AGAIN)


def _told(moment: datetime | None) -> str:
    return (write_moment(moment) or "") if moment else ""
