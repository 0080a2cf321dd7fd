"""What a rule may say, as pydantic models: the check at load and the JSON Schema.

The keys of the full language that this version does not have are listed here by
name, so that a rule that relies on one is refused and never half obeyed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.freezes import FreezeModel
from shared.rules.settings import duration
from shared.rules.shape import NAME, NAME_AT_MOST, WHEN_AT_MOST

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"

RULE_LATER = frozenset(
    {"approval", "blocks", "notify", "override", "overrides", "priority", "strikes", "tests"}
)
GUARD_LATER = frozenset({"canary", "limits"})


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_condition(value: object) -> object:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


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
    Field(max_length=WHEN_AT_MOST),
    WithJsonSchema({"type": ["string", "boolean"]}),
]


class GuardModel(BaseModel):
    """What may hold a rule back, beside the guardrails that always apply."""

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


class RuleModel(BaseModel):
    """One rule. In a later layer only the name and what changes."""

    model_config = ConfigDict(extra="forbid", title="rule")

    name: str = Field(
        pattern=NAME,
        max_length=NAME_AT_MOST,
        description="Lower-case words with hyphens, unique.",
    )
    description: str = Field(default="", description="What it is for, in one sentence.")
    notes: str = Field(default="", description="Anything else worth knowing.")
    on: Signals | None = Field(default=None, description="The signals it answers.")
    when: Condition = Field(
        default="true",
        description="CEL over signal, target, facts and now; true: the rule matches.",
    )
    remediate: str | None = Field(default=None, description="The remediation to carry out.")
    with_: dict[str, Any] = Field(
        default={}, alias="with", description="Settings of the remediation."
    )
    mode: Mode = Field(
        default=Mode.OBSERVE,
        description="off: silent. observe: decide and record. suggest: also propose."
        " auto: act.",
    )
    guard: GuardModel = Field(default=GuardModel())


class RulesFileModel(BaseModel):
    """A rule file."""

    model_config = ConfigDict(extra="forbid", title="Nightshift rules")

    freezes: list[FreezeModel] = Field(
        default=[], description="Windows in which no rule begins anything voluntary."
    )
    rules: list[RuleModel] = Field(description="Asked in this order.")
