"""Ask people, take their answer once, and tell the engine how it ended.

The stored question is the truth and a message only a view of it. Each ending is told by
a wake message; the sweep tells what somebody died before telling, and what a lost
message left untold. Whether a plan is opened on a yes is the engine's to judge afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.core import deciding
from shared.core.approvals import Approval, ApprovalState, Refusal, Refused, Voice
from shared.core.approvals_json import approval_view
from shared.core.errors import RetryLater, StaleFacts
from shared.core.notices import asked, decided, expired
from shared.core.signals import Phase
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.engine.recorded import spoken

SOURCE = "approvals"
NOBODY = "approvals"
"""Event of what cannot be laid to a question, because there is none of that id."""
TRIES = 6
AT_ONCE = 16
_ENDINGS = {
    ApprovalState.APPROVED: "approved",
    ApprovalState.REJECTED: "rejected",
    ApprovalState.EXPIRED: "expired",
}


async def ask(night: Night, approval: Approval) -> Approval:
    """Put a question to people; asked again it is the same one, as it stands now.

    The message is stored first: a question that nobody hears of would hold its plan
    until it expires. An older question about the same plan, which looked different
    then, is taken back, so that a click on its link says so.

    Raises:
        RetryLater: Something could not be stored; ask again.
    """
    known = await night.ports.approvals.find(approval.id)
    if known is not None:
        return known
    if approval.channels:
        await night.ports.notices.post(asked(approval))
    await _record(night, approval, Phase.FIRED.value, "asked", approval.requester)
    stored = await night.ports.approvals.ask(approval)
    for other in await night.ports.approvals.about(stored.plan_id):
        if other.id != stored.id:
            await take_back(night, other)
    return stored


async def decide(night: Night, approval_id: str, voice: Voice) -> Approval:
    """Add one person's word; of many at once, one decides.

    A word that was stored by somebody who then died before telling the engine may be
    said again by the same person: it is told now, and the answer is the same.

    Raises:
        Refused: There is no such question, or this may not be said; see the refusal.
        RetryLater: It could not be stored, or kept changing; nothing was decided.
    """
    for _ in range(TRIES):
        found = await night.ports.approvals.find(approval_id)
        if found is None:
            raise Refused(
                Refusal.UNKNOWN_APPROVAL, f"there is no approval {approval_id[:40]!r}"
            )
        now = night.ports.clock.now()
        if deciding.is_untold(found, now) and deciding.is_repeated(found, voice):
            return await _tell(night, found)
        heard = deciding.decide(found, voice, now)
        try:
            stored = await night.ports.approvals.save(heard)
        except StaleFacts:
            continue
        return await _heard(night, stored)
    raise RetryLater(
        f"deciding {approval_id}: the question kept changing", after=timedelta(seconds=1)
    )


async def take_back(night: Night, approval: Approval) -> Approval:
    """Void a question that nobody needs answered any more; a closed one stays as it is."""
    ended = deciding.void(approval)
    if ended is approval:
        return approval
    try:
        stored = await night.ports.approvals.save(ended)
    except StaleFacts:
        return approval  # somebody decided meanwhile: that yes finds no plan of its hash
    await _record(night, stored, Phase.RESOLVED.value, "void", "")
    return stored


async def sweep_approvals(night: Night) -> int:
    """Expire what nobody answered, and tell what is untold; return how many it was.

    Raises:
        RetryLater: The store could not be read or written; the next tick comes soon.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(approval: Approval) -> bool:
        async with gate:
            return await _settled(night, approval)

    waiting = await night.ports.approvals.unsettled()
    return sum(await asyncio.gather(*(one(approval) for approval in waiting)))


async def _settled(night: Night, approval: Approval) -> bool:
    """Expire, void or tell one question; tell whether there was anything to do."""
    now = night.ports.clock.now()
    standing = deciding.settle(approval, now)
    if standing.state is ApprovalState.VOID:
        await take_back(night, approval)
    elif standing is not approval:
        await _end(night, standing)
    elif deciding.is_untold(approval, now):
        await _tell(night, approval)
    else:
        return False
    return True


async def record_forged(night: Night, approval_id: str, claimed: str) -> None:
    """Record that a request brought a header that only the platform may set.

    One record an hour for each question, so that whoever floods us fills no table.
    """
    now = night.ports.clock.now()
    found = await night.ports.approvals.find(approval_id)
    refusal = Refusal.HEADER_NOT_BELIEVED
    detail = f"a request to this approval claimed to be {claimed[:200]!r}, unproven: refused"
    record = spoken(
        "approval",
        refusal.value,
        detail,
        event_id=found.id if found is not None else NOBODY,
        phase=f"{Phase.FAILED}+{refusal}-{now:%Y%m%dT%H}",
        at=now,
        source=SOURCE,
        target=found.target if found is not None else "",
    )
    await night.ports.ledger.record_event(record)


def wake_message(approval: Approval, because: str) -> Mapping[str, Any]:
    """Write what has the engine hear the signal again, now that people have answered.

    Each telling has a number of its own, so that each hearing has its own record. Only
    the rule, and on a ladder the rung, that was asked about is heard again.
    """
    return {
        "signal": dict(approval.signal),
        "attempt": approval.attempt + 1 + approval.told,
        "because": because,
        "rule": approval.rule,
        "rung": approval.rung,
    }


async def _heard(night: Night, approval: Approval) -> Approval:
    """Record a voice, and tell the engine if it was the deciding one."""
    if approval.state is not ApprovalState.PENDING:
        return await _tell(night, approval)
    await _record_voices(night, approval)
    return approval


async def _end(night: Night, standing: Approval) -> None:
    """Store that nobody answered in time, and tell."""
    try:
        stored = await night.ports.approvals.save(standing)
    except StaleFacts:
        return  # somebody answered in the last moment
    await _tell(night, stored)


async def _tell(night: Night, approval: Approval) -> Approval:
    """Tell people once, and the engine until it has heard; then note that it was told."""
    is_expired = approval.state is ApprovalState.EXPIRED
    if approval.told_at is None:
        await _record_voices(night, approval)
        if is_expired:
            await _record(night, approval, Phase.RESOLVED.value, "expired", approval.verdict)
        if approval.channels:
            notice = expired(approval) if is_expired else decided(approval)
            await night.ports.notices.post(notice)
    because = _ENDINGS[approval.state]
    await night.ports.queue.put(wake_message(approval, because), delay=timedelta(0))
    told = replace(approval, told_at=night.ports.clock.now(), told=approval.told + 1)
    try:
        return await night.ports.approvals.save(told)
    except StaleFacts:
        return approval  # the engine has used it already, or another told it too


async def _record_voices(night: Night, approval: Approval) -> None:
    """Record each voice in a row of its own; one that is recorded already stays."""
    for number, voice in enumerate(approval.voices, start=1):
        is_last = number == len(approval.voices) and approval.decided_at is not None
        said = "approved" if is_last else "seconded"
        word = "yes" if voice.is_yes else "no"
        words = f"{voice.who} said {word} by {voice.channel} at {write_moment(voice.at)}"
        words += f": {voice.reason}" if voice.reason else ""
        phase = f"{Phase.FIRED}+{number}"
        await _record(night, approval, phase, said if voice.is_yes else "rejected", words)


async def _record(night: Night, approval: Approval, phase: str, said: str, words: str) -> None:
    record = spoken(
        "approval",
        said,
        words,
        event_id=approval.id,
        phase=phase,
        at=night.ports.clock.now(),
        source=SOURCE,
        target=approval.target,
        view=approval_view(approval),
        plan=(approval.rule, approval.remediation, approval.plan_id),
    )
    await night.ports.ledger.record_event(record)
