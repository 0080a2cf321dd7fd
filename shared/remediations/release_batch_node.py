"""Take tasks off a Batch node whose machine the platform is about to take.

Batch puts the tasks of a lost node back into the queue by itself; this does so before the
machine is gone, gives it no new ones, and lets those end that the rule wants to end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.core.acknowledging import Acknowledge
from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import BatchNode, BatchNodeFacts, FactsKind, Resource
from shared.core.plans import Plan, StepOutcome
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SCALE_SET_VM
from shared.core.signals import INVOLUNTARY, Phase, Signal, SignalType
from shared.core.steps import Step, Verb


class Tasks(StrEnum):
    """What becomes of the tasks that run on the node."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    TASK_COMPLETION = "task_completion"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        tasks: ``requeue`` them at once, ``terminate`` them, or let them end:
            ``task_completion``.
        margin: Time before the deadline at which waiting for them ends.
        timeout: When there is no deadline, how long they may take.
        acknowledge: Whether the notice may begin before its time: never, when_drained (all
            its machines are), or always (this machine is not waited for).
    """

    tasks: Tasks = Tasks.REQUEUE
    margin: timedelta = timedelta(seconds=3)
    timeout: timedelta = timedelta(minutes=15)
    acknowledge: Acknowledge = Acknowledge.NEVER


def decide(
    signal: Signal, facts: BatchNodeFacts, settings: Settings, now: datetime
) -> Decision:
    """Disable scheduling as the rule says, then wait until nothing runs there."""
    node = facts.node
    if node is None:
        return Skip(Reason.NOT_A_BATCH_NODE, "no Batch pool knows this machine")
    where = {"account": node.account, "pool": node.pool, "node": node.id}
    wait = {
        **where,
        "margin_s": settings.margin.total_seconds(),
        "timeout_s": settings.timeout.total_seconds(),
    }
    return Act(
        (
            Step(Verb.BATCH_DISABLE, signal.target, {**where, "then": settings.tasks.value}),
            Step(Verb.BATCH_IDLE, signal.target, wait),
        )
    )


def recheck(
    plan: Plan, facts: BatchNodeFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when the node is gone, or when a person gave it tasks again."""
    if facts.node is None:
        return Reason.TARGET_GONE
    disabled = plan.steps[0].outcome is StepOutcome.DONE
    return Reason.ENABLED_BY_HAND if disabled and facts.node.takes_tasks else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_ROOT = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups"
_SET = f"{_ROOT}/azurebatch-1/providers/Microsoft.Compute/virtualMachineScaleSets/b-1"
_VM = f"{_SET}/virtualMachines/2"
_NODE = BatchNode(
    account=f"{_ROOT}/render/providers/Microsoft.Batch/batchAccounts/render",
    pool="gpu",
    id="tvmps_2",
    state="running",
    takes_tasks=True,
    is_usable=True,
    running_tasks=1,
)
_NOTICE = Signal(
    type=SignalType.VM_PREEMPT,
    event_id="e-1",
    source="scheduled_events",
    target=_VM,
    observed_at=_NOW,
    phase=Phase.SCHEDULED,
    deadline=_NOW + timedelta(seconds=30),
)
_FACTS = BatchNodeFacts(Resource(_VM, SCALE_SET_VM, "2", pool=_SET), _NODE)
_WHERE = {"account": _NODE.account, "pool": "gpu", "node": "tvmps_2"}
_WAIT = {**_WHERE, "margin_s": 3.0, "timeout_s": 900.0}

REMEDIATION = Remediation(
    name="release_batch_node",
    summary="Give a Batch node no new tasks and take or wait for those it has.",
    answers=INVOLUNTARY | {SignalType.RUNBOOK},
    facts=FactsKind.BATCH_NODE,
    settings=Settings,
    verbs=frozenset({Verb.BATCH_DISABLE, Verb.BATCH_ENABLE, Verb.BATCH_IDLE}),
    decide=decide,
    recheck=recheck,
    healthy=("facts.node.is_usable",),
    examples=(
        Example(
            "a spot node has thirty seconds: its task goes back into the queue now",
            _NOTICE,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.BATCH_DISABLE, _VM, {**_WHERE, "then": "requeue"}),
                    Step(Verb.BATCH_IDLE, _VM, _WAIT),
                )
            ),
        ),
        Example(
            "a reboot in a quarter of an hour: the task may end",
            replace(_NOTICE, type=SignalType.VM_REBOOT),
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.BATCH_DISABLE, _VM, {**_WHERE, "then": "task_completion"}),
                    Step(Verb.BATCH_IDLE, _VM, _WAIT),
                )
            ),
            Settings(tasks=Tasks.TASK_COMPLETION),
        ),
        Example(
            "a machine of no Batch pool: not for this remediation",
            _NOTICE,
            replace(_FACTS, node=None),
            _NOW,
            Skip(Reason.NOT_A_BATCH_NODE, "no Batch pool knows this machine"),
        ),
    ),
)
