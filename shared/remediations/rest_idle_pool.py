"""Let an idle Batch pool of a fixed size go to no nodes, or give it back its formula.

Idle nodes of a pool cost as much as busy ones. A pool whose owner keeps a formula in its
metadata ``nightshift-autoscale`` gets that one back whenever it has none, idle or not: the
formula itself says what becomes of nodes at work. ``nightshift: off`` there keeps a pool as
it is.

Source: https://learn.microsoft.com/azure/batch/batch-automatic-scaling
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.batch_pools import FORMULA_LABEL, BatchPool, BatchPoolFacts
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import BATCH_POOL
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        idle_for: For how long every node must have been idle.
        formula: For pools that declare none: given to an idle one instead of no nodes.
    """

    idle_for: timedelta = timedelta(minutes=30)
    formula: str = ""

    def __post_init__(self) -> None:
        """Refuse a time in which no next task could follow."""
        if not timedelta(minutes=1) <= self.idle_for <= timedelta(days=30):
            raise ValueError("idle_for does not fit: write 1m to 30d")


def decide(
    signal: Signal, facts: BatchPoolFacts, settings: Settings, now: datetime
) -> Decision:
    """Give back what was declared; else wait until it is idle for long enough."""
    pool = facts.pool
    if pool.formula:
        return Skip(Reason.SET_ALREADY, "a formula decides how many nodes it has")
    if pool.declared:
        return _scale(signal, pool.declared)
    if not pool.nodes:
        return Skip(Reason.SET_ALREADY, "it is set to no nodes")
    if not pool.is_steady:
        return Hold(Reason.NO_DATA, detail="it is being resized")
    if facts.busy or facts.waiting:
        words = f"{facts.busy} nodes are not idle, {facts.waiting} tasks wait or run"
        return Skip(Reason.IN_USE, words)
    if facts.idle_since is None:
        return Hold(Reason.NO_DATA, detail="since when its nodes are idle is not told")
    if now < facts.idle_since + settings.idle_for:
        return Hold(Reason.TOO_SOON, until=facts.idle_since + settings.idle_for)
    return _scale(signal, settings.formula)


def _scale(signal: Signal, formula: str) -> Act:
    args = {"formula": formula} if formula else {}
    return Act((Step(Verb.BATCH_REST_POOL, signal.target, args),))


def recheck(
    plan: Plan, facts: BatchPoolFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Let the step look: it reads pool, nodes and jobs again before it acts."""
    return None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_ACCOUNT = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_POOL = BatchPool(_ACCOUNT, "gpu", "Standard_NC6", 4, 0, is_steady=True)
_FOUND = Signal(
    type=SignalType.BATCH_FOUND,
    event_id="s-1",
    source="survey",
    target=_POOL.target,
    observed_at=_NOW,
)
_FACTS = BatchPoolFacts(
    Resource(_POOL.target, BATCH_POOL, "gpu"),
    _POOL,
    busy=0,
    idle_since=_NOW - timedelta(hours=2),
    waiting=0,
)
_FORMULA = "$TargetDedicatedNodes = min(4, $PendingTasks.GetSample(1));"

REMEDIATION = Remediation(
    name="rest_idle_pool",
    summary="Let an idle Batch pool go to no nodes, or give it back its autoscale formula.",
    answers=frozenset({SignalType.BATCH_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.BATCH_POOL,
    settings=Settings,
    verbs=frozenset({Verb.BATCH_REST_POOL}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "four nodes are idle for two hours: they go",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.BATCH_REST_POOL, _POOL.target),)),
        ),
        Example(
            "its owner keeps a formula in its metadata: it gets that back",
            _FOUND,
            replace(_FACTS, pool=replace(_POOL, labels={FORMULA_LABEL: _FORMULA}), busy=2),
            _NOW,
            Act((Step(Verb.BATCH_REST_POOL, _POOL.target, {"formula": _FORMULA}),)),
        ),
        Example(
            "a task waits for a node",
            _FOUND,
            replace(_FACTS, waiting=1),
            _NOW,
            Skip(Reason.IN_USE, "0 nodes are not idle, 1 tasks wait or run"),
        ),
        Example(
            "idle for ten minutes: the next task may come",
            _FOUND,
            replace(_FACTS, idle_since=_NOW - timedelta(minutes=10)),
            _NOW,
            Hold(Reason.TOO_SOON, until=_NOW + timedelta(minutes=20)),
        ),
        Example(
            "a formula decides",
            _FOUND,
            replace(_FACTS, pool=replace(_POOL, formula=_FORMULA)),
            _NOW,
            Skip(Reason.SET_ALREADY, "a formula decides how many nodes it has"),
        ),
    ),
)
