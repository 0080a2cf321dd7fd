"""Write down how an Azure ML compute instance stands, for whoever looks.

Changes nothing: its state, size, owner, idle time, schedules, image and last operation are
in the detail of the plan's step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.core.decisions import Act, Decision, Hold, Reason
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, NOW, in_state
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing."""


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Look, whatever its state is, if Azure tells it."""
    if not facts.instance.state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    return Act((Step(Verb.ML_SHOW, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Looking is always wanted."""
    return None


REMEDIATION = Remediation(
    name="show_instance",
    summary="Write down how an Azure ML compute instance stands; change nothing.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_SHOW}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "a broken one: looked at",
            FOUND,
            in_state("unusable"),
            NOW,
            Act((Step(Verb.ML_SHOW, ID),)),
        ),
        Example(
            "Azure tells no state: later",
            FOUND,
            in_state(""),
            NOW,
            Hold(Reason.NO_DATA, detail="its state is not told"),
        ),
    ),
)
