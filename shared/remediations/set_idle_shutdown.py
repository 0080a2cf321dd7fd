"""Let Azure stop a compute instance by itself when nobody uses it.

Sets the idle time where there is none, or one that is longer than the rule allows. Azure
knows what nobody else can see (kernels, terminals, debuggers), so this is better than any
stop from outside.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance
(configure idle shutdown: what counts as activity, 15 minutes to 3 days)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, NOW, RESOURCE, in_state
from shared.core.ml_instances import LONGEST_IDLE, SETTLED, SHORTEST_IDLE, MlInstance
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        idle: The idle time to set, whole minutes, 15m to 3d.
        at_most: A longer one that is set already is corrected; a shorter one stays.
    """

    idle: timedelta = timedelta(hours=1)
    at_most: timedelta = timedelta(hours=4)

    def __post_init__(self) -> None:
        """Refuse what Azure does not take."""
        if not SHORTEST_IDLE <= self.idle <= LONGEST_IDLE or self.idle.seconds % 60:
            raise ValueError("idle must be whole minutes, 15m to 3d")
        if self.at_most < self.idle:
            raise ValueError("at_most must not be shorter than idle")


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Set it where it is missing or too long."""
    instance = facts.instance
    if instance.state not in SETTLED:
        return Hold(Reason.NO_DATA, detail=f"its state is {instance.state or 'not told'}")
    if instance.idle_shutdown is not None and instance.idle_shutdown <= settings.at_most:
        minutes = instance.idle_shutdown // timedelta(minutes=1)
        return Skip(Reason.SET_ALREADY, f"Azure stops it after {minutes} minutes")
    seconds = settings.idle.total_seconds()
    return Act((Step(Verb.ML_IDLE_TIME, signal.target, {"idle_s": seconds}),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: that somebody set it meanwhile is what the step itself looks for."""
    return None


_SET = Act((Step(Verb.ML_IDLE_TIME, ID, {"idle_s": 3600.0}),))


def _with(hours: int) -> MlInstanceFacts:
    idle = timedelta(hours=hours)
    return MlInstanceFacts(RESOURCE, MlInstance("running", idle_shutdown=idle))


REMEDIATION = Remediation(
    name="set_idle_shutdown",
    summary="Set a compute instance's idle time where it is missing or too long.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_IDLE_TIME}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("none is set: an hour", FOUND, in_state("running"), NOW, _SET),
        Example("a day is set: corrected", FOUND, _with(24), NOW, _SET),
        Example(
            "two hours are set: its owner's choice stays",
            FOUND,
            _with(2),
            NOW,
            Skip(Reason.SET_ALREADY, "Azure stops it after 120 minutes"),
        ),
    ),
)
