"""Empty a Slurm node that the platform is about to take, or that a person names.

Drain first, so that nothing new starts; then tell the jobs that ask for it, so that they
write a checkpoint; then let what may run again begin elsewhere. A machine that is no node
of a Slurm cluster is none of this remediation's business, and a node that could be either
of two is not guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.acknowledging import Acknowledge
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, Resource, SlurmNodeFacts
from shared.core.plans import Plan, StepOutcome
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Phase, Signal, SignalType
from shared.core.slurm import SlurmJob, SlurmNode, is_signal
from shared.core.steps import Step, Verb

ASK_AGAIN = timedelta(seconds=5)


class Requeue(StrEnum):
    """Which jobs are moved off the node."""

    ALL = "all"
    NONE = "none"
    ONLY_REQUEUEABLE = "only_requeueable"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        signal: What jobs are sent that ask for a checkpoint and name no signal.
        checkpoint_wait: How long checkpoints are waited for, as far as the deadline leaves.
        window: Notices for nodes of one job that come within it are one wave: one signal and
            one requeue.
        gather: How long a job on several nodes that does not ask waits for the other notices
            before it is moved.
        requeue: Jobs that may run again begin elsewhere: ``only_requeueable`` ends no other
            job for that; ``all`` ends the others, as the machine will; ``none`` moves none.
        down_after: How long jobs may still end by themselves before they are moved.
        margin: Time before the deadline by which jobs should be moved.
        timeout: When there is no deadline, how long moving them may take.
        acknowledge: Whether the notice may begin before its time: never, when_drained (all
            its machines are), or always (this machine is not waited for).
            A node is drained when no job is left on it, so that ``when_drained`` waits for
            those, too, that are not moved.
    """

    signal: str = "USR1"
    checkpoint_wait: timedelta = timedelta(seconds=12)
    window: timedelta = timedelta(seconds=60)
    gather: timedelta = timedelta(seconds=2)
    requeue: Requeue = Requeue.ONLY_REQUEUEABLE
    down_after: timedelta = timedelta(0)
    margin: timedelta = timedelta(seconds=5)
    timeout: timedelta = timedelta(minutes=15)
    acknowledge: Acknowledge = Acknowledge.NEVER

    def __post_init__(self) -> None:
        """Refuse what no job could be told, or what would be no drain at all."""
        if not is_signal(self.signal):
            raise ValueError(
                f"signal {self.signal!r}: write the name of one that a program can act on, "
                "such as USR1, USR2, TERM or HUP"
            )
        if self.timeout < timedelta(seconds=10):
            raise ValueError("timeout must be at least 10s")


def decide(
    signal: Signal, facts: SlurmNodeFacts, settings: Settings, now: datetime
) -> Decision:
    """Drain the node, have checkpoints written, and move its jobs."""
    if facts.trouble == Reason.SLURM_UNREACHABLE:
        return Hold(Reason.SLURM_UNREACHABLE, now + ASK_AGAIN, facts.detail)
    if facts.trouble:
        return Skip(Reason(facts.trouble), facts.detail)
    if facts.node is None:
        return Skip(Reason.NOT_A_SLURM_NODE, facts.detail or "no Slurm cluster has it")
    steps = [
        _step(signal, facts.node, Verb.SLURM_DRAIN, because=_because(signal)),
        _step(
            signal,
            facts.node,
            Verb.SLURM_CHECKPOINT,
            signal=settings.signal,
            wait_s=settings.checkpoint_wait.total_seconds(),
            window_s=settings.window.total_seconds(),
            gather_s=settings.gather.total_seconds(),
            margin_s=settings.margin.total_seconds(),
        ),
    ]
    must_be_empty = settings.acknowledge is Acknowledge.WHEN_DRAINED
    if must_be_empty or settings.requeue is not Requeue.NONE:
        requeue = {
            "requeue": settings.requeue.value,
            "after_s": settings.down_after.total_seconds(),
            "margin_s": settings.margin.total_seconds(),
            "timeout_s": settings.timeout.total_seconds(),
            "empty": must_be_empty,
        }
        steps.append(_step(signal, facts.node, Verb.SLURM_REQUEUE, **requeue))
    return Act(tuple(steps))


def recheck(
    plan: Plan, facts: SlurmNodeFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when the node is gone, or when a person put it back to work.

    A cluster that cannot be asked now is no reason to stop: the step will ask it.
    """
    if facts.node is None:
        return None if facts.trouble else Reason.TARGET_GONE
    is_drained_by_us = plan.steps[0].outcome is StepOutcome.DONE
    return Reason.RESUMED_BY_HAND if is_drained_by_us and not facts.node.is_drained else None


def _because(signal: Signal) -> str:
    return f"{signal.type.value} {signal.event_id}"


def _step(notice: Signal, node: SlurmNode, verb: Verb, **args: Any) -> Step:
    where = {"cluster": node.cluster, "node": node.name, "address": node.address}
    return Step(verb, notice.target, {**where, **args})


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/hpc/providers/"
    "Microsoft.Compute/virtualMachines/gpu001"
)
_NODE = SlurmNode(
    cluster="hpc",
    name="gpu001",
    states=("ALLOCATED",),
    address="10.0.0.11",
    hostname="gpu001",
    partitions=("spot",),
)
_JOB = SlurmJob(
    id=7,
    name="train",
    user="alice",
    states=("RUNNING",),
    is_requeueable=True,
    asks="batch:USR1",
    nodes=("gpu001",),
)
_FACTS = SlurmNodeFacts(Resource(_VM, VM, "gpu001"), _NODE, (_JOB,))
_NOTICE = Signal(
    type=SignalType.VM_PREEMPT,
    event_id="e-1",
    source="scheduled_events",
    target=_VM,
    observed_at=_NOW,
    phase=Phase.SCHEDULED,
    deadline=_NOW + timedelta(seconds=30),
)
_WHERE = {"cluster": "hpc", "node": "gpu001", "address": "10.0.0.11"}
_DRAIN = Step(Verb.SLURM_DRAIN, _VM, {**_WHERE, "because": "vm.preempt e-1"})
_CHECKPOINT = Step(
    Verb.SLURM_CHECKPOINT,
    _VM,
    {
        **_WHERE,
        "signal": "USR1",
        "wait_s": 12.0,
        "window_s": 60.0,
        "gather_s": 2.0,
        "margin_s": 5.0,
    },
)
_REQUEUE = Step(
    Verb.SLURM_REQUEUE,
    _VM,
    {
        **_WHERE,
        "requeue": "only_requeueable",
        "after_s": 0.0,
        "margin_s": 5.0,
        "timeout_s": 900.0,
        "empty": False,
    },
)

REMEDIATION = Remediation(
    name="drain_slurm_node",
    summary="Drain a Slurm node, have its jobs write checkpoints, and run them elsewhere.",
    answers=frozenset(
        {
            SignalType.VM_PREEMPT,
            SignalType.VM_TERMINATE,
            SignalType.VM_REDEPLOY,
            SignalType.VM_REBOOT,
            SignalType.VM_FREEZE,
            SignalType.VM_ADVISORY,
            SignalType.RUNBOOK,
        }
    ),
    facts=FactsKind.SLURM_NODE,
    settings=Settings,
    verbs=frozenset(
        {
            Verb.SLURM_DRAIN,
            Verb.SLURM_RESUME,
            Verb.SLURM_CHECKPOINT,
            Verb.SLURM_REQUEUE,
        }
    ),
    decide=decide,
    recheck=recheck,
    healthy=(
        "facts.node != null",
        '!facts.node.states.exists(s, s == "NOT_RESPONDING" || s.startsWith("POWER"))',
    ),
    examples=(
        Example(
            "a spot node has thirty seconds: drain, checkpoint, requeue",
            _NOTICE,
            _FACTS,
            _NOW,
            Act((_DRAIN, _CHECKPOINT, _REQUEUE)),
        ),
        Example(
            "jobs are left where they are: drain and checkpoint only",
            replace(_NOTICE, type=SignalType.VM_REBOOT),
            _FACTS,
            _NOW,
            Act(
                (
                    replace(_DRAIN, args={**_WHERE, "because": "vm.reboot e-1"}),
                    _CHECKPOINT,
                )
            ),
            Settings(requeue=Requeue.NONE),
        ),
        Example(
            "the notice may begin early: not before the last job has left",
            replace(_NOTICE, type=SignalType.VM_REBOOT),
            _FACTS,
            _NOW,
            Act(
                (
                    replace(_DRAIN, args={**_WHERE, "because": "vm.reboot e-1"}),
                    _CHECKPOINT,
                    replace(
                        _REQUEUE, args={**_REQUEUE.args, "requeue": "none", "empty": True}
                    ),
                )
            ),
            Settings(requeue=Requeue.NONE, acknowledge=Acknowledge.WHEN_DRAINED),
        ),
        Example(
            "a machine that is no node of any Slurm cluster: not for this remediation",
            _NOTICE,
            replace(_FACTS, node=None, jobs=()),
            _NOW,
            Skip(Reason.NOT_A_SLURM_NODE, "no Slurm cluster has it"),
        ),
        Example(
            "two nodes could be the machine: never guess",
            _NOTICE,
            replace(
                _FACTS,
                node=None,
                jobs=(),
                trouble="ambiguous_node",
                detail="gpu001 in hpc and gpu001 in lab",
            ),
            _NOW,
            Skip(Reason.AMBIGUOUS_NODE, "gpu001 in hpc and gpu001 in lab"),
        ),
        Example(
            "the controller does not answer: ask again in a moment",
            _NOTICE,
            replace(
                _FACTS, node=None, jobs=(), trouble="slurm_unreachable", detail="hpc: timeout"
            ),
            _NOW,
            Hold(Reason.SLURM_UNREACHABLE, _NOW + ASK_AGAIN, "hpc: timeout"),
        ),
    ),
)
