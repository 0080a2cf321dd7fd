"""How often a channel is written to: slower in a storm, slower still while it fails.

A message an hour too many and the channel refuses all of them. So each channel has a lull
after each run, which doubles while a storm lasts and is shorter for what a person is asked;
an allowance for the hour, part of it kept for questions; and a rest that doubles with each
failure. Pure: what was sent when is in ``Pace``, which the outbox stores.

Source: https://github.com/MicrosoftDocs/msteams-docs/blob/main/msteams-platform/webhooks-and-connectors/how-to/connectors-using.md
(4 a second, 60 in 30 s, 100 an hour, 150 in two, 1,800 a day);
https://docs.slack.dev/apis/web-api/rate-limits (one a second).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from shared.core.digests import ALONE
from shared.core.notice import Notice
from shared.core.terms import Channel

HOUR = timedelta(hours=1)
LULL = timedelta(seconds=15)
LONGEST_LULL = timedelta(minutes=5)
LONGEST_URGENT_LULL = timedelta(minutes=1)
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(minutes=10)
CLAIM = timedelta(minutes=1)
MOST_LEVEL = 10
AN_HOUR: Mapping[Channel, int] = MappingProxyType(
    {Channel.TEAMS: 60, Channel.SLACK: 120, Channel.WEBHOOK: 600}
)
KEPT_FOR_URGENT = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """What a channel's next message has to wait for.

    Attributes:
        until: It is not called before.
        failures: Runs in a row in which it took nothing.
        level: Runs in a row that were a storm.
        sent: When it took a message, within the last hour, oldest first.
    """

    channel: Channel
    until: datetime | None = None
    failures: int = 0
    level: int = 0
    sent: tuple[datetime, ...] = ()
    etag: str = field(default="", compare=False, repr=False)

    def is_resting(self, now: datetime) -> bool:
        """Tell whether it is not to be called now."""
        return self.until is not None and now < self.until


def due(pace: Pace, notices: Sequence[Notice], now: datetime) -> list[Notice]:
    """Choose what may be sent now."""
    left = allowance(pace, now)
    if left <= 0:
        return []
    lull = min(LULL * 2**pace.level, LONGEST_LULL)
    since = now - pace.sent[-1] if pace.sent else LONGEST_LULL
    if since >= lull and left > KEPT_FOR_URGENT:
        return list(notices)
    if since >= min(lull, LONGEST_URGENT_LULL):
        return [one for one in notices if one.kind.is_urgent]
    return []


def allowance(pace: Pace, now: datetime) -> int:
    """Count the messages that the channel may still be sent within this hour."""
    return AN_HOUR[pace.channel] - sum(1 for at in pace.sent if at > now - HOUR)


def claimed(pace: Pace, now: datetime) -> Pace:
    """Keep others from sending meanwhile; whoever dies at it delays the channel so long."""
    return replace(pace, until=now + CLAIM)


def after_run(
    pace: Pace, now: datetime, *, sent: Sequence[datetime], due: int, waiting: int
) -> Pace:
    """Note what was sent; a storm makes the next lull longer, calm takes that back.

    Args:
        due: Notices that might be sent in this run.
        waiting: Notices that waited, those among them: a question that was let through
            in the middle of a storm does not end it.
    """
    kept = (*(at for at in pace.sent if at > now - HOUR), *sent)
    level = pace.level if due < waiting else 0
    if due > ALONE:
        level = min(pace.level + 1, MOST_LEVEL)
    return replace(pace, until=None, failures=0, level=level, sent=kept)


def after_failure(
    pace: Pace, now: datetime, *, sent: Sequence[datetime], after: timedelta
) -> Pace:
    """Rest for as long as the channel asked, at least for a time that doubles."""
    rest = max(after, min(FIRST_REST * 2 ** min(pace.failures, MOST_LEVEL), LONGEST_REST))
    kept = (*(at for at in pace.sent if at > now - HOUR), *sent)
    return replace(pace, until=now + rest, failures=pace.failures + 1, sent=kept)
