"""Stop an Azure ML compute instance that nobody uses, though it has no idle time set.

Nobody uses it if no job is on it and its processor, GPU and network were quiet over a
whole window of which enough points have a value. A notebook whose kernel computes shows in
these; one that only waits, with its variables in memory, no interface shows: the window is
long for that reason, and the tag ``nightshift: off`` keeps an instance running.

A disk must have 1 to 2 GB free before a stop, or the instance does not start again.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.example_signals import idle_tick
from shared.core.facts import FactsKind, MachineFacts, MlInstanceFacts, has_gpu
from shared.core.idleness import busy_with, must_be_sensible, no_longer_quiet, unknown_use
from shared.core.instance_use import job_on, must_leave_room, no_room
from shared.core.ml_examples import ID, NOW, QUIET, UNUSED
from shared.core.ml_instances import RUNNING, MlInstance
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        idle_for: How long everything must have been quiet.
        cpu_below: Busiest five minutes of the processor, fraction 0..1.
        gpu_below: The same of the GPU.
        network_below: Busiest five minutes of the network, bytes a second.
        coverage: Share of the window's points that must have a value, 0..1.
        free_mb: Least free space on its disks, megabytes; below, it is not stopped.
        even_if_disk_unknown: Stop though nobody can tell how full its disk is.
        even_if_busy: Stop whatever the metrics say, unless a job runs; for a runbook.
    """

    idle_for: timedelta = timedelta(hours=2)
    cpu_below: float = 0.05
    gpu_below: float = 0.05
    network_below: float = 100_000.0
    coverage: float = 0.9
    free_mb: float = 2048.0
    even_if_disk_unknown: bool = False
    even_if_busy: bool = False

    def __post_init__(self) -> None:
        """Refuse what would make every instance idle, or stop one that cannot start."""
        must_be_sensible(self)
        must_leave_room(self)


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Stop it once everything that can be seen of it was quiet for ``idle_for``."""
    state = facts.instance.state
    if not state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    job = job_on(facts)
    if job:
        return Skip(Reason.IN_USE, job)
    if state != RUNNING:
        return Skip(Reason.ALREADY_STOPPED, f"its state is {state}")
    if not (settings.even_if_busy and signal.type is SignalType.RUNBOOK):
        used = _used(facts, settings, now)
        if used is not None:
            return used
    full = no_room(facts, settings)
    return full or Act((Step(Verb.DEALLOCATE, signal.target),))


def _used(facts: MlInstanceFacts, settings: Settings, now: datetime) -> Decision | None:
    doubt = unknown_use(_machine(facts), settings)
    if doubt:
        return Hold(Reason.NO_DATA, detail=doubt)
    busy = busy_with(facts.utilisation, settings)
    if busy:
        return Skip(Reason.NOT_IDLE, busy)
    since = facts.instance.last_operation_at
    if since and now < since + settings.idle_for:
        return Hold(Reason.TOO_SOON, until=since + settings.idle_for)
    return None


def _machine(facts: MlInstanceFacts) -> MachineFacts:
    gpu = has_gpu(facts.resource.size)
    return MachineFacts(facts.resource, RUNNING, gpu, facts.utilisation)


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody began to use it, its disk is full now, or nobody can tell."""
    if job_on(facts):
        return Reason.IN_USE
    if facts.instance.state != RUNNING:
        return None
    asked_anyway = settings.even_if_busy and plan.signal.get("type") == SignalType.RUNBOOK
    used = None if asked_anyway else no_longer_quiet(_machine(facts), settings)
    full = no_room(facts, settings)
    return used or (full.reason if full else None)


_TICK = idle_tick(ID, NOW)

REMEDIATION = Remediation(
    name="stop_instance",
    summary="Stop an Azure ML compute instance that is provably idle and can start again.",
    answers=frozenset({SignalType.COMPUTE_IDLE, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.DEALLOCATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "two hours of silence, no job, room on its disk: stopped",
            _TICK,
            UNUSED,
            NOW,
            Act((Step(Verb.DEALLOCATE, ID),)),
        ),
        Example(
            "Azure says that a job runs on it",
            _TICK,
            replace(UNUSED, instance=MlInstance("jobrunning")),
            NOW,
            Skip(Reason.IN_USE, "a job runs on it"),
        ),
        Example(
            "a job waits for it",
            _TICK,
            replace(UNUSED, jobs=("owl",)),
            NOW,
            Skip(Reason.IN_USE, "the job owl is on it"),
        ),
        Example(
            "a notebook computes: its processor shows it",
            _TICK,
            replace(UNUSED, utilisation=replace(QUIET, cpu=0.4)),
            NOW,
            Skip(Reason.NOT_IDLE, "processor at 40.0%"),
        ),
        Example(
            "900 MB are free: it would not start again",
            _TICK,
            replace(UNUSED, disk_free_mb=900.0),
            NOW,
            Skip(Reason.DISK_FULL, "900 MB are free, 2048 needed"),
        ),
        Example(
            "nobody knows how full its disk is: never guess",
            _TICK,
            replace(UNUSED, disk_free_mb=None),
            NOW,
            Hold(Reason.NO_DATA, detail="how much of its disk is free is not known"),
        ),
        Example(
            "started an hour ago: look again when two are over",
            _TICK,
            replace(
                UNUSED,
                instance=MlInstance(
                    "running",
                    last_operation="start",
                    last_operation_at=NOW - timedelta(hours=1),
                ),
            ),
            NOW,
            Hold(Reason.TOO_SOON, until=NOW + timedelta(hours=1)),
        ),
    ),
)
