"""Start an Azure ML compute instance that is stopped.

For a person's runbook, and for a start that failed and is worth another try. One that is
on its way up or down is looked at again; one that is broken is not started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, NOW, in_state
from shared.core.ml_instances import BROKEN, JOB_RUNNING, RUNNING, STOPPED
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

LOOK_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing."""


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Start it if it is stopped, and only then."""
    state = facts.instance.state
    if not state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    if state in {RUNNING, JOB_RUNNING}:
        return Skip(Reason.ALREADY_RUNNING, f"its state is {state}")
    if state in BROKEN:
        return Skip(Reason.NOT_RUNNING, f"its state is {state}: it needs a restart, or an end")
    if state != STOPPED:
        return Hold(Reason.STILL_LEAVING, now + LOOK_AGAIN, f"its state is {state}")
    return Act((Step(Verb.ML_START, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: that it runs meanwhile is what the step itself looks for."""
    return None


REMEDIATION = Remediation(
    name="start_instance",
    summary="Start a stopped Azure ML compute instance.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_START}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "stopped: started",
            FOUND,
            in_state("stopped"),
            NOW,
            Act((Step(Verb.ML_START, ID),)),
        ),
        Example(
            "it runs already",
            FOUND,
            in_state("running"),
            NOW,
            Skip(Reason.ALREADY_RUNNING, "its state is running"),
        ),
        Example(
            "it is on its way down: looked at again",
            FOUND,
            in_state("stopping"),
            NOW,
            Hold(Reason.STILL_LEAVING, NOW + LOOK_AGAIN, "its state is stopping"),
        ),
        Example(
            "broken: a start does not mend it",
            FOUND,
            in_state("unusable"),
            NOW,
            Skip(Reason.NOT_RUNNING, "its state is unusable: it needs a restart, or an end"),
        ),
    ),
)
