"""What becomes one message: a few notices one each, many of them one digest.

A storm of a thousand plans must not be a thousand messages: nobody reads those, and the
channel would refuse them. A digest counts everything, shows the worst first and says where
the rest is. Questions are kept apart from news, so that no storm hides one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.notice import Notice, NoticeKind
from shared.core.wording import line

ALONE = 3
"""So many notices, and so many questions, are a message each."""
SHOWN = 10
COUNT_LIMIT = 120
_PLANS, _QUESTIONS = "GET /api/plans", "GET /api/approvals"
_WORDS = {
    NoticeKind.OPENED: "begun",
    NoticeKind.CLOSED: "ended",
    NoticeKind.ASKED: "waiting for an answer",
    NoticeKind.DECIDED: "answered",
    NoticeKind.EXPIRED: "not answered in time",
    NoticeKind.TOLD: "for a person to look at",
    NoticeKind.TRIPPED: "breakers open",
    NoticeKind.RULES_REFUSED: "refused rule sets",
}


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many notices of one kind one rule made, and how many of them are bad news."""

    kind: NoticeKind
    rule: str
    count: int
    bad: int

    def __str__(self) -> str:
        """Say it: ``987 ended, 12 of them badly: drain-node``."""
        badly = f", {self.bad:,} of them badly" if self.bad and self._can_go_well else ""
        rule = f": {self.rule}" if self.rule else ""
        return line(f"{self.count:,} {_WORDS[self.kind]}{badly}{rule}", COUNT_LIMIT)

    @property
    def _can_go_well(self) -> bool:
        return self.kind is NoticeKind.CLOSED


@dataclass(frozen=True, slots=True)
class Digest:
    """Many notices in one message.

    Attributes:
        tallied: Every kind and rule, the most first.
        shown: Notices that are shown, bad news first.
        more: How many are not shown.
        see: The request that lists them all.
    """

    title: str
    tallied: tuple[Tallied, ...]
    shown: tuple[Notice, ...]
    more: int
    see: str

    @property
    def rest(self) -> str:
        """Say what is not shown and where it is; empty if all of it is shown."""
        return f"and {self.more:,} more: {self.see}" if self.more else ""

    @property
    def counts(self) -> tuple[str, ...]:
        """Say how many of each kind and rule there are; of very many rules the first."""
        said = [str(one) for one in self.tallied[:SHOWN]]
        left = len(self.tallied) - len(said)
        return (*said, f"and {left:,} more rules") if left else tuple(said)


def group(notices: Sequence[Notice]) -> tuple[tuple[Notice, ...], ...]:
    """Cut a channel's notices into messages, questions first.

    At most two times ``ALONE`` messages, however many notices there are.
    """
    questions = [one for one in notices if one.kind is NoticeKind.ASKED]
    news = [one for one in notices if one.kind is not NoticeKind.ASKED]
    return (*_cut(questions), *_cut(news))


def _cut(notices: Sequence[Notice]) -> tuple[tuple[Notice, ...], ...]:
    if len(notices) > ALONE:
        return (tuple(notices),)
    return tuple((one,) for one in notices)


def digest(notices: Sequence[Notice], *, shown: int = SHOWN) -> Digest:
    """Sum notices up; which of them are shown does not depend on their order of arrival."""
    keys = Counter((one.kind, one.rule) for one in notices)
    bad = Counter((one.kind, one.rule) for one in notices if one.is_good is False)
    tallied = [Tallied(*key, count, bad[key]) for key, count in keys.items()]
    tallied.sort(key=lambda one: (-one.bad, -one.count, one.kind, one.rule))
    worst_first = sorted(notices, key=_badness)
    is_asking = all(one.kind is NoticeKind.ASKED for one in notices)
    plans = len({one.plan_id for one in notices if one.plan_id})
    what = "questions to answer" if is_asking else "things happened"
    return Digest(
        title=f"{len(notices):,} {what}, about {plans:,} plans",
        tallied=tuple(tallied),
        shown=tuple(worst_first[:shown]),
        more=max(0, len(notices) - shown),
        see=_QUESTIONS if is_asking else _PLANS,
    )


def _badness(notice: Notice) -> tuple[bool, bool, float, str]:
    soonest = notice.expires_at or notice.at
    is_bad = notice.is_good is False
    return (not is_bad, not notice.kind.is_urgent, soonest.timestamp(), notice.id)


def message_id(notices: Sequence[Notice]) -> str:
    """Name a message after its notices: sent twice, it bears one name."""
    joined = "\x1f".join(sorted(one.id for one in notices))
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
