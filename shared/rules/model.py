"""What a rule may say, as pydantic models: the check at load and the JSON Schema."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.core.terms import ApprovalKind, Channel, Match
from shared.rules import forms
from shared.rules.demand_models import (
    DURATION,
    ApprovalModel,
    BreakerModel,
    BudgetModel,
    CanaryModel,
    LimitModel,
    StrikesModel,
    TestModel,
)
from shared.rules.freezes import FreezeModel
from shared.rules.measures import (
    CONDITION_AT_MOST,
    NAME,
    NAME_AT_MOST,
    whole,
    word,
)
from shared.rules.settings import duration

_PRIORITY = {"type": "integer", "minimum": -forms.PRIORITY, "maximum": forms.PRIORITY}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_condition(value: object) -> object:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _as_approval(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    WithJsonSchema({"type": "string", "pattern": DURATION, "examples": ["20s", "1h30m"]}),
]
Signals = Annotated[
    tuple[SignalType, ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
]
Condition = Annotated[
    str,
    BeforeValidator(_as_condition),
    Field(max_length=CONDITION_AT_MOST),
    WithJsonSchema({"type": ["string", "boolean"]}),
]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(forms.channels)]
Approval = Annotated[ApprovalModel, BeforeValidator(_as_approval)]


class GuardModel(BaseModel):
    """What may hold a rule back, beside the guardrails that always apply.

    Only cooldown, limits, canary, breaker, budget and freeze: an involuntary disruption
    is held back by none of them.
    """

    model_config = ConfigDict(extra="forbid", title="guard")

    cooldown: Duration = Field(
        default=timedelta(0),
        description="Quiet time on a target after this rule acted on it. Never holds back"
        " a rule on an involuntary disruption.",
    )
    max_age: Duration | None = Field(
        default=None,
        description="An event older than this is not acted on. Default: 6h; no limit for an"
        " involuntary disruption, whose deadline counts.",
    )
    freeze: list[FreezeModel] = Field(
        default=[],
        description="Windows in which this rule begins nothing. Never holds back a rule on"
        " an involuntary disruption.",
    )
    limits: list[LimitModel] | None = Field(
        default=None,
        max_length=forms.LIMITS_AT_MOST,
        description="How many targets may be acted on; every one must allow it. Left out:"
        " 10 targets of the rule an hour. []: no limit.",
    )
    canary: CanaryModel | None = Field(default=None)
    breaker: BreakerModel | None = Field(default=None)
    budget: BudgetModel | None = Field(default=None)


class TermsModel(BaseModel):
    """What blocks and overrides may give, too."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Field(
        default=Mode.OBSERVE,
        description="off: silent. observe: decide and record. suggest: also propose."
        " auto: act.",
    )
    strikes: StrikesModel | None = Field(default=None)
    guard: GuardModel = Field(default=GuardModel())
    approval: Approval = Field(default=ApprovalModel(kind=ApprovalKind.NONE))
    notify: Channels = Field(default=(), description="Where people are told.")


class BlockModel(TermsModel):
    """Terms under a name, for rules to use."""

    model_config = ConfigDict(extra="forbid", title="block")

    name: str = Field(pattern=NAME, max_length=NAME_AT_MOST, description="Unique.")


class OverrideModel(TermsModel):
    """Other terms for the targets within a scope; what it does not give stays."""

    model_config = ConfigDict(extra="forbid", title="override")

    scope: str = Field(
        description="subscription:GUID, resource_group:ID, resource:ID or tag:NAME=VALUE.",
        examples=["tag:environment=prod"],
    )
    with_: dict[str, Any] = Field(
        default={}, alias="with", description="Settings of the first remediation."
    )


class RuleModel(TermsModel):
    """One rule. In a later layer only the name and what changes."""

    model_config = ConfigDict(extra="forbid", title="rule")

    name: str = Field(
        pattern=NAME,
        max_length=NAME_AT_MOST,
        description="Lower-case words with hyphens, unique.",
    )
    description: str = Field(default="", description="What it is for, in one sentence.")
    notes: str = Field(default="", description="Anything else worth knowing.")
    use: list[str] = Field(
        default=[],
        description="Blocks whose terms it has: later ones over earlier, its own over all.",
    )
    priority: Annotated[
        int,
        BeforeValidator(whole(-forms.PRIORITY, forms.PRIORITY)),
        WithJsonSchema(_PRIORITY),
    ] = Field(default=0, description="Higher is asked first; equals as they stand.")
    match: Annotated[Match, BeforeValidator(word(Match))] = Field(
        default=Match.FIRST,
        description="Once it acts, first: later rules are not asked. all: they are.",
    )
    on: Signals = Field(default=(), description="The signals it answers.")
    when: Condition = Field(
        default="true",
        description="CEL over signal, target, facts and now; true: the rule matches.",
    )
    remediate: str = Field(default="", description="The remediation to carry out.")
    with_: dict[str, Any] = Field(
        default={}, alias="with", description="Settings of the first remediation."
    )
    overrides: list[OverrideModel] = Field(
        default=[],
        description="Other terms for some targets; the first scope that covers one counts.",
    )
    tests: list[TestModel] = Field(
        default=[], max_length=forms.TESTS_AT_MOST, description="What it should answer."
    )


class RulesFileModel(BaseModel):
    """A rule file."""

    model_config = ConfigDict(extra="forbid", title="Nightshift rules")

    blocks: list[BlockModel] = Field(default=[], description="Terms that rules share.")
    freezes: list[FreezeModel] = Field(
        default=[], description="Windows in which no rule begins anything voluntary."
    )
    rules: list[RuleModel] = Field(
        description="Asked in this order, unless their priorities say another."
    )
