"""The keys of each part of a rule, how each is read, and what they build together.

For the plain reader, and for the models, which add what editors want to know. No
pydantic here: this is on the way of a cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.steps import Verb
from shared.core.terms import ApprovalKind, Channel, LimitScope
from shared.rules import demands
from shared.rules.measures import (
    Read,
    condition,
    document,
    each,
    moment,
    nearest,
    number,
    span,
    text,
    whole,
    word,
)
from shared.rules.settings import shown

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
MOST = 1000
PRIORITY = 1000
LIMITS_AT_MOST, TESTS_AT_MOST, STEPS_AT_MOST, CHANNELS_AT_MOST = 20, 100, 2000, 3
DEAREST = 1e9

count = whole(0, MOST)
percent = number(0, 100)


class NotPlain(ValueError):
    """The models must look at this one."""


@dataclass(frozen=True, slots=True)
class Form:
    """One part of a rule.

    Attributes:
        keys: How each key's value is read; a null is left to the models.
        names: What the builder calls a key, where that differs.
    """

    build: Callable[..., Any]
    keys: Mapping[str, Read]
    names: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: object) -> Any:
        """Read a mapping that is plainly right.

        Raises:
            ValueError: It is not, or not plainly.
        """
        if not isinstance(value, dict) or not value.keys() <= self.keys.keys():
            raise NotPlain
        given = {self.names.get(k, k): self.keys[k](v) for k, v in value.items()}
        try:
            return self.build(**given)
        except TypeError:  # a key that must be there is not
            raise NotPlain from None


def outcome(value: object) -> str:
    """Read what a test expects."""
    if isinstance(value, str) and value in demands.OUTCOMES:
        return value
    raise ValueError(f"{shown(value)} is not known: {nearest(value, demands.OUTCOMES)}")


def steps(value: object) -> tuple[str, ...]:
    """Read the verbs that a test expects."""
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no list: write [cordon, drain]")  # noqa: TRY004 - one kind
    found: tuple[str, ...] = each(text, most=STEPS_AT_MOST)(value)
    return found


def if_expired(value: object) -> Verb | None:
    """Read what to do when nobody answers; None for nothing."""
    if value == demands.NOTHING:
        return None
    known = (demands.NOTHING, *(verb.value for verb in demands.SAFE_VERBS))
    if not isinstance(value, str) or value not in {verb.value for verb in Verb}:
        raise ValueError(f"{shown(value)} is not known: {nearest(value, known)}")
    return demands.safe_step(Verb(value))


def approval(value: object) -> demands.Asked:
    """Read either form of an approval."""
    asked: demands.Asked = APPROVAL({"kind": value} if isinstance(value, str) else value)
    return asked


STRIKES = Form(demands.strikes, {"count": whole(1, 100), "within": span(SECOND, WEEK)})
LIMIT = Form(
    demands.limit,
    {
        "scope": word(LimitScope),
        "count": count,
        "percent": percent,
        "min": count,
        "max": count,
        "within": span(SECOND, MONTH),
    },
    {"min": "at_least", "max": "at_most"},
)
CANARY = Form(
    demands.canary,
    {"first": whole(1, 10), "soak": span(MINUTE, WEEK), "every": span(MINUTE, MONTH)},
)
BREAKER = Form(
    demands.breaker,
    {
        "scope": word(LimitScope),
        "count": whole(1, MOST),
        "percent": number(0, 100, is_above=True),
        "within": span(MINUTE, DAY),
        "small_pool": count,
        "wait": span(MINUTE, DAY),
        "young": span(timedelta(0), DAY),
    },
)
MONEY = Form(
    demands.money,
    {
        "limit": number(0, DEAREST),
        "each": number(0, DEAREST, is_above=True),
        "within": span(MINUTE, MONTH),
    },
)
BUDGET = Form(
    demands.budget,
    {"retries": whole(0, 100), "within": span(MINUTE, MONTH), "money": MONEY},
)
APPROVAL = Form(
    demands.approval,
    {
        "kind": word(ApprovalKind),
        "when": condition,
        "expires": span(MINUTE, WEEK),
        "if_expired": if_expired,
    },
)
TEST = Form(
    demands.trial,
    {
        "name": text,
        "event": document,
        "facts": document,
        "expect": outcome,
        "reason": word(Reason),
        "steps": steps,
        "at": moment,
    },
)
channels = each(word(Channel), most=CHANNELS_AT_MOST, is_unique=True)
