"""Give a compute instance times at which Azure starts and stops it.

Where it has no enabled stop time, or, if the rule says so, other times than these. Its
other schedules go: Azure takes the list as a whole.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance
(schedule automatic start and stop)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, NOW, RESOURCE, in_state
from shared.core.ml_instances import SETTLED, MlInstance, MlSchedule
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

_FIELD = re.compile(r"[0-9*,/\-]+|[A-Za-z,\-]+")
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        stop: When to stop it: cron, five fields.
        start: When to start it, the same; empty for never.
        zone: Time zone, as Windows names it.
        correct: Replace other times too, and not only add missing ones.
    """

    stop: str = "0 19 * * 1-5"
    start: str = ""
    zone: str = "UTC"
    correct: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no cron expression."""
        for name in ("stop", "start"):
            text = getattr(self, name)
            fields = text.split()
            is_right = len(fields) == _FIELDS and all(_FIELD.fullmatch(f) for f in fields)
            if not is_right and (text or name == "stop"):
                raise ValueError(f"{name} is no cron expression: write 0 19 * * 1-5")
        if not self.zone.strip():
            raise ValueError("zone is empty: write UTC or W. Europe Standard Time")


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Set the times where none stops it, or where they are to be corrected."""
    instance = facts.instance
    if instance.state not in SETTLED:
        return Hold(Reason.NO_DATA, detail=f"its state is {instance.state or 'not told'}")
    wanted = _wanted(settings)
    shown = sorted((s.action, s.when, s.zone) for s in instance.schedules if s.is_enabled)
    if shown == sorted(wanted):
        return Skip(Reason.SET_ALREADY, "it has these times")
    if instance.stops_by_the_clock and not settings.correct:
        return Skip(Reason.SET_ALREADY, "it has a stop time of its own")
    times = [list(one) for one in wanted]
    return Act((Step(Verb.ML_SCHEDULES, signal.target, {"times": times}),))


def _wanted(settings: Settings) -> list[tuple[str, str, str]]:
    times = [("stop", settings.stop, settings.zone)]
    return [*times, ("start", settings.start, settings.zone)] if settings.start else times


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when its owner set a stop time in the meantime."""
    has_own = facts.instance.stops_by_the_clock and not settings.correct
    is_ours = {s.when for s in facts.instance.schedules} == {
        when for _, when, _ in _wanted(settings)
    }
    return Reason.SET_ALREADY if has_own and not is_ours else None


_OWN = MlSchedule("stop", is_enabled=True, when="30 17 * * *", zone="UTC")
_CHOSEN = MlInstanceFacts(RESOURCE, MlInstance("running", schedules=(_OWN,)))
_TIMES = {"times": [["stop", "0 19 * * 1-5", "UTC"]]}

REMEDIATION = Remediation(
    name="set_instance_schedules",
    summary="Give a compute instance a stop time, and a start time if the rule has one.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_SCHEDULES}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "nothing ever stops it: seven in the evening, on working days",
            FOUND,
            in_state("running"),
            NOW,
            Act((Step(Verb.ML_SCHEDULES, ID, _TIMES),)),
        ),
        Example(
            "its owner chose a time",
            FOUND,
            _CHOSEN,
            NOW,
            Skip(Reason.SET_ALREADY, "it has a stop time of its own"),
        ),
        Example(
            "the rule corrects other times",
            FOUND,
            _CHOSEN,
            NOW,
            Act((Step(Verb.ML_SCHEDULES, ID, _TIMES),)),
            Settings(correct=True),
        ),
    ),
)
