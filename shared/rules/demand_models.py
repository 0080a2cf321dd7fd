"""What a rule may demand, as pydantic models: what each key means, for editors.

The values themselves are read by ``shared.rules.forms``, as the plain reader reads them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from shared.core.decisions import Reason
from shared.core.steps import Verb
from shared.core.terms import ApprovalKind, LimitScope
from shared.rules import demands, forms

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
_SPAN = WithJsonSchema({"type": "string", "pattern": DURATION, "examples": ["20s", "1h30m"]})
_CONDITION = WithJsonSchema({"type": ["string", "boolean"]})
_DOCUMENT = WithJsonSchema({"type": ["string", "object"]})


def _words(*known: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(known)})


def _whole(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _number(most: float, **least: float) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", **least, "maximum": most})


class Demand(BaseModel):
    """A part of a rule whose values are looked at together once each is read."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)
    FORM: ClassVar[forms.Form]
    _built: Any = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _goes_together(self) -> Demand:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        self._built = self.FORM.build(
            **{k: v.built if isinstance(v, Demand) else v for k, v in given.items()}
        )
        return self

    @property
    def built(self) -> Any:
        """What the values mean together."""
        return self._built


def _(form: forms.Form, key: str) -> BeforeValidator:
    return BeforeValidator(form.keys[key])


class StrikesModel(Demand):
    """Act at the last of several events about a target, not before."""

    FORM = forms.STRIKES

    count: Annotated[int, _(FORM, "count"), _whole(1, 100)] = Field(
        description="The event at which it acts; 1 is every one.", examples=[3]
    )
    within: Annotated[timedelta, _(FORM, "within"), _SPAN] = Field(
        description="In which time, at most 7d."
    )


class LimitModel(Demand):
    """How many targets may be acted on: the lesser of a count and a percentage."""

    FORM = forms.LIMIT

    scope: Annotated[LimitScope, _(FORM, "scope"), _words(*LimitScope)] = Field(
        description="Over what it counts. A target in no pool is a pool of one."
    )
    count: Annotated[int, _(FORM, "count"), _whole(0, forms.MOST)] | None = Field(
        default=None, description="Targets at most; 0 blocks all."
    )
    percent: Annotated[float, _(FORM, "percent"), _number(100, minimum=0)] | None = Field(
        default=None, description="Of the pool, rounded down. Only with pool or scale_set."
    )
    at_least: Annotated[int, _(FORM, "min"), _whole(0, forms.MOST)] | None = Field(
        default=None, alias="min", description="What the percentage does not fall below."
    )
    at_most: Annotated[int, _(FORM, "max"), _whole(0, forms.MOST)] | None = Field(
        default=None, alias="max", description="What the percentage does not rise above."
    )
    within: Annotated[timedelta, _(FORM, "within"), _SPAN] | None = Field(
        default=None,
        description="Counts what was begun in that time, at most 30d. Left out: what is"
        " under way now.",
    )


class CanaryModel(Demand):
    """Act on a few targets, wait, and go on only if they stayed good."""

    FORM = forms.CANARY

    first: Annotated[int, _(FORM, "first"), _whole(1, 10)] = Field(
        default=1, description="How many go first."
    )
    soak: Annotated[timedelta, _(FORM, "soak"), _SPAN] = Field(
        description="How long after the last of them is done, 1m to 7d."
    )
    every: Annotated[timedelta, _(FORM, "every"), _SPAN] = Field(
        default=demands.EVERY,
        description="How long a canary that passed, or failed, stands; longer than soak.",
    )


class BreakerModel(Demand):
    """Stop when too many targets fail at once."""

    FORM = forms.BREAKER

    scope: Annotated[LimitScope, _(FORM, "scope"), _words(*sorted(demands.BREAKER_SCOPES))] = (
        Field(default=LimitScope.POOL, description="Over what it counts.")
    )
    count: Annotated[int, _(FORM, "count"), _whole(1, forms.MOST)] | None = Field(
        default=demands.STORM_COUNT, description="Failed targets that trip it; null for none."
    )
    percent: Annotated[float, _(FORM, "percent"), _number(100, exclusiveMinimum=0)] | None = (
        Field(
            default=demands.STORM_PERCENT,
            description="Of the pool, rounded up, in pools larger than small_pool; null for"
            " none. There is none where the scope is no pool.",
        )
    )
    within: Annotated[timedelta, _(FORM, "within"), _SPAN] = Field(
        default=demands.STORM_WITHIN, description="In which time, 1m to 1d."
    )
    small_pool: Annotated[int, _(FORM, "small_pool"), _whole(0, forms.MOST)] = Field(
        default=demands.SMALL_POOL,
        description="Up to this size the percentage is not looked at.",
    )
    wait: Annotated[timedelta, _(FORM, "wait"), _SPAN] = Field(
        default=demands.STORM_WITHIN,
        description="How long after the last failure one target may try, 1m to 1d.",
    )
    young: Annotated[timedelta, _(FORM, "young"), _SPAN] = Field(
        default=demands.YOUNG,
        description="A target that is younger is being set up: its failures do not count.",
    )


class MoneyModel(Demand):
    """What plans may cost, in a currency of your choice."""

    FORM = forms.MONEY

    limit: Annotated[float, _(FORM, "limit"), _number(forms.DEAREST, minimum=0)] = Field(
        description="What may be spent; 0 blocks all."
    )
    each: Annotated[float, _(FORM, "each"), _number(forms.DEAREST, exclusiveMinimum=0)] = (
        Field(description="What one plan costs.")
    )
    within: Annotated[timedelta, _(FORM, "within"), _SPAN] = Field(
        default=demands.MONEY_WITHIN, description="In which time, at most 30d."
    )


class BudgetModel(Demand):
    """How often to try again what did not work, and what may be spent."""

    FORM = forms.BUDGET

    retries: Annotated[int, _(FORM, "retries"), _whole(0, 100)] | None = Field(
        default=None,
        description="Plans on a target that may end in anything but done before the rule"
        " stops trying.",
    )
    within: Annotated[timedelta, _(FORM, "within"), _SPAN] = Field(
        default=demands.RETRIES_WITHIN, description="In which time, at most 30d."
    )
    money: MoneyModel | None = Field(default=None)


class ApprovalModel(Demand):
    """A person's yes before the plan begins."""

    FORM = forms.APPROVAL

    kind: Annotated[ApprovalKind, _(FORM, "kind"), _words(*ApprovalKind)] = Field(
        default=ApprovalKind.REQUIRED,
        description="required: one person. four_eyes: another than who asked for it.",
    )
    when: Annotated[str, _(FORM, "when"), _CONDITION] | None = Field(
        default=None, description="CEL: only plans for which it is true are asked about."
    )
    expires: Annotated[timedelta, _(FORM, "expires"), _SPAN] | None = Field(
        default=demands.EXPIRES, description="How long the question stands, 1m to 7d."
    )
    if_expired: Annotated[
        Verb | None,
        _(FORM, "if_expired"),
        _words(demands.NOTHING, *demands.SAFE_VERBS),
    ] = Field(
        default=None,
        description="What to do if nobody answers: the plan's steps of that kind alone.",
    )


class TestModel(Demand):
    """What the rule should answer to an event; run by ``nightshift rules check``."""

    __test__ = False
    FORM = forms.TEST

    name: Annotated[str, _(FORM, "name")] = Field(default="", description="What it shows.")
    event: Annotated[Any, _(FORM, "event"), _DOCUMENT] = Field(
        description="Path of a payload from this file's folder, or the payload."
    )
    facts: Annotated[Any, _(FORM, "facts"), _DOCUMENT] | None = Field(
        default=None, description="The same of a facts document, as explain takes it."
    )
    expect: Annotated[str, _(FORM, "expect"), _words(*demands.OUTCOMES)] = Field(
        description="What the condition and the remediation answer, whatever the mode."
    )
    reason: Annotated[Reason, _(FORM, "reason"), _words(*Reason)] | None = Field(
        default=None, description="Of a hold or a skip."
    )
    steps: (
        Annotated[
            tuple[str, ...],
            _(FORM, "steps"),
            WithJsonSchema({"type": "array", "items": {"type": "string"}}),
        ]
        | None
    ) = Field(default=None, description="Verbs of the plan, or the remediation's name.")
    at: (
        Annotated[
            datetime,
            _(FORM, "at"),
            WithJsonSchema({"type": "string", "examples": ["2030-01-01T03:00:00Z"]}),
        ]
        | None
    ) = Field(default=None, description="The moment to answer for; left out: the event's.")
