"""Send what waits to be told: grouped, paced, and again until it is taken.

A channel that is away delays its notices and loses none; it holds up no other. A message
that a channel takes exception to, while it takes others, is kept aside with the reason. A
message may be sent twice, if this dies between the sending and the noting; never is one
taken for sent that was not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core import pacing
from shared.core.digests import group, message_id
from shared.core.errors import AutomationError, GiveUp, RetryLater, StaleFacts
from shared.core.notice import Notice
from shared.core.notice_json import notice_to_json
from shared.core.pacing import Pace
from shared.core.terms import Channel
from shared.engine.night import Night
from shared.ports import Messenger
from shared.rules.book import Rule, RuleBook

MOST_WAITING = 2000
HOPELESS = timedelta(days=1)
"""A message that was refused for so long, with no other to compare it with, is given up."""
_BUDGET = pacing.CLAIM - timedelta(seconds=20)


@dataclass
class Delivered:
    """What one tick did.

    Attributes:
        sent: Notices taken by a channel; one for each channel.
        waiting: Notices that were read and not sent.
        messages: Messages that were taken.
        kept_aside: Notices that a channel refused for good.
        failed: Why a channel was given up for this tick.
    """

    sent: int = 0
    waiting: int = 0
    messages: int = 0
    kept_aside: int = 0
    failed: dict[Channel, str] = field(default_factory=dict)


@dataclass
class _Run:
    """One channel's part of a tick.

    Attributes:
        sent: When each message was taken.
        refused: Messages that the channel will not take, with its reasons.
        error: Why it is to be left alone, or None.
    """

    night: Night
    messenger: Messenger
    told: Delivered
    sent: list[datetime] = field(default_factory=list)
    refused: list[tuple[tuple[Notice, ...], GiveUp]] = field(default_factory=list)
    error: AutomationError | None = None

    @property
    def channel(self) -> Channel:
        return self.messenger.channel

    @property
    def now(self) -> datetime:
        return self.night.ports.clock.now()


async def deliver(night: Night) -> Delivered:
    """Send what waits for each channel; channels wait for each other in nothing."""
    told = Delivered()
    runs = [_Run(night, messenger, told) for messenger in night.ports.messengers]
    await asyncio.gather(*(_channel(run) for run in runs))
    return told


async def _channel(run: _Run) -> None:
    try:
        await _send_what_waits(run)
    except AutomationError as error:  # of the outbox; the next tick comes soon
        run.told.failed[run.channel] = f"{type(error).__name__}: {error}"


async def _send_what_waits(run: _Run) -> None:
    notices, now = run.night.ports.notices, run.now
    pace = await notices.pace(run.channel)
    if pace.is_resting(now):
        return
    waiting = await notices.backlog(run.channel, limit=MOST_WAITING)
    due = pacing.due(pace, waiting, now)
    run.told.waiting += len(waiting) - len(due)
    if not due:
        return
    try:
        pace = await notices.keep_pace(pacing.claimed(pace, now))
    except StaleFacts:  # another instance sends just now
        run.told.waiting += len(due)
        return
    await _send(run, group(due)[: pacing.allowance(pace, now)], len(due), now + _BUDGET)
    await _settle(run, pace, due=len(due), waiting=len(waiting))


async def _send(
    run: _Run, messages: Sequence[tuple[Notice, ...]], due: int, until: datetime
) -> None:
    """Send messages one after the other, and note each before the next."""
    gone = 0
    for message in messages:
        if run.now >= until:
            break
        try:
            await run.messenger.send(message)
        except GiveUp as error:
            run.refused.append((message, error))
            continue
        except AutomationError as error:
            run.error = error
            break
        run.sent.append(run.now)
        await run.night.ports.notices.drop(run.channel, message, at=run.now)
        gone += len(message)
    run.told.sent += gone
    run.told.waiting += due - gone
    run.told.messages += len(run.sent)


async def _settle(run: _Run, pace: Pace, *, due: int, waiting: int) -> None:
    """Note how the channel stands, and put aside what it refuses while it takes others."""
    for message, error in run.refused:
        oldest = min(one.at for one in message)
        if run.sent or run.now >= oldest + HOPELESS:
            await _keep_aside(run, message, error)
        else:
            run.error = run.error or error
    now, notices = run.now, run.night.ports.notices
    if run.error is None:
        after = pacing.after_run(pace, now, sent=run.sent, due=due, waiting=waiting)
    else:
        run.told.failed[run.channel] = f"{type(run.error).__name__}: {run.error}"
        asked = run.error.after if isinstance(run.error, RetryLater) else timedelta(0)
        after = pacing.after_failure(pace, now, sent=run.sent, after=asked)
    with suppress(StaleFacts):  # the claim ran out, and another goes on
        await notices.keep_pace(after)


async def _keep_aside(run: _Run, message: tuple[Notice, ...], error: GiveUp) -> None:
    document = {
        "channel": str(run.channel),
        "why": str(error),
        "notices": [notice_to_json(one) for one in message],
    }
    name = f"notices-{run.channel}-{message_id(message)}"
    await run.night.ports.records.keep(name, document)
    await run.night.ports.notices.drop(run.channel, message, at=run.now)
    run.told.kept_aside += len(message)
    run.told.waiting -= len(message)


def unconfigured(rules: RuleBook, channels: Collection[Channel]) -> list[str]:
    """Say which rules name a channel that nobody sends to; nothing is posted for it."""
    said: list[str] = []
    for channel in Channel:
        if channel in channels:
            continue
        names = sorted({rule.name for rule in rules.rules if channel in _named(rule)})
        if names:
            said.append(
                f"notify: {channel} is not configured, and so not told of anything by: "
                f"{', '.join(names)}"
            )
    return said


def _named(rule: Rule) -> set[Channel]:
    others = (channel for _, other in rule.overrides for channel in other.notify)
    return {*rule.notify, *others}
