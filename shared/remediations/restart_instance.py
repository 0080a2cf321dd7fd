"""Restart an Azure ML compute instance that serves nobody any more.

For one that Azure calls unusable, and for a person's runbook. What is in its memory is
lost, so never while a job runs on it; and with a full disk it would not come back.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
("at least 1-2 GB free" before a stop or restart)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.instance_use import job_on, must_leave_room, no_room
from shared.core.ml_examples import FOUND, ID, NOW, UNUSED, in_state
from shared.core.ml_instances import JOB_RUNNING, RUNNING, MlInstance
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        free_mb: Least free space on its disks, megabytes; below, it might not come back.
        even_if_disk_unknown: Restart though nobody can tell how full its disk is.
        even_if_job: Restart though a job runs on it; for a person's runbook.
        idle_for: Over how long its disk and its jobs are looked at.
    """

    free_mb: float = 2048.0
    even_if_disk_unknown: bool = False
    even_if_job: bool = False
    idle_for: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse less than a stop needs."""
        must_leave_room(self)


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Restart what is unusable; what runs only for a person who asks."""
    state, is_asked = facts.instance.state, signal.type is SignalType.RUNBOOK
    if not state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    if state == UNUSABLE:
        return Act((Step(Verb.ML_RESTART, signal.target),))
    if state not in {RUNNING, JOB_RUNNING}:
        return Skip(Reason.NOT_RUNNING, f"its state is {state}")
    if not is_asked:
        return Skip(Reason.ALREADY_RUNNING, f"its state is {state}: nothing to mend")
    job = job_on(facts)
    if job and not settings.even_if_job:
        return Skip(Reason.IN_USE, job)
    full = no_room(facts, settings)
    return full or Act((Step(Verb.ML_RESTART, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when a job came in the meantime."""
    return Reason.IN_USE if job_on(facts) and not settings.even_if_job else None


_ASKED = replace(FOUND, type=SignalType.RUNBOOK, source="runbook", is_recurring=False)
_RESTART = Act((Step(Verb.ML_RESTART, ID),))

REMEDIATION = Remediation(
    name="restart_instance",
    summary="Restart an Azure ML compute instance that is unusable, or that a person names.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_RESTART}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "unusable: restarted",
            FOUND,
            in_state("unusable"),
            NOW,
            _RESTART,
        ),
        Example("it runs, and a person asks", _ASKED, UNUSED, NOW, _RESTART),
        Example(
            "a job runs on it: not even for a person who did not say so",
            _ASKED,
            replace(UNUSED, instance=MlInstance("jobrunning")),
            NOW,
            Skip(Reason.IN_USE, "a job runs on it"),
        ),
        Example(
            "its disk is full: it would not come back",
            _ASKED,
            replace(UNUSED, disk_free_mb=700.0),
            NOW,
            Skip(Reason.DISK_FULL, "700 MB are free, 2048 needed"),
        ),
    ),
)
