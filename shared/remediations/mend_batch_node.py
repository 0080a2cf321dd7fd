"""Mend Batch nodes that are unusable or whose start task failed.

One means a rung: a rule's ladder reboots first, then reimages, then replaces what is left.
Each rung takes the nodes that are broken when it comes to them, a few at a time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import BatchNode, BatchNodesFacts, FactsKind, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import BATCH_ACCOUNT
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


class Means(StrEnum):
    """What is done to a node."""

    REBOOT = "reboot"
    REIMAGE = "reimage"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        means: ``reboot``, ``reimage``, or ``remove``, which also sets a pool without a
            formula to as many nodes as it was set to.
        unusable_for: A node that came into its state later is left alone; 0s on a later
            rung, for a reboot that did not help begins a new stay in that state.
        max_nodes: No more than this at once; the alert comes again for the others.
    """

    means: Means = Means.REBOOT
    unusable_for: timedelta = timedelta(minutes=5)
    max_nodes: int = 5

    def __post_init__(self) -> None:
        """Refuse what Batch would refuse, or what would do nothing."""
        if not 1 <= self.max_nodes <= 100:  # noqa: PLR2004 - what one removal takes
            raise ValueError("max_nodes does not fit: write 1 to 100")


def decide(
    signal: Signal, facts: BatchNodesFacts, settings: Settings, now: datetime
) -> Decision:
    """Take the nodes that have been broken for long enough, those longest first."""
    if not facts.nodes:
        return Skip(Reason.NOTHING_UNUSABLE, "every node takes tasks, or will soon")
    since = {node: node.since or now - settings.unusable_for for node in facts.nodes}
    due = [node for node, at in since.items() if at + settings.unusable_for <= now]
    if not due:
        first = min(since.values()) + settings.unusable_for
        return Hold(Reason.TOO_SOON, until=first, detail=f"{len(facts.nodes)} nodes")
    due.sort(key=lambda node: (since[node], node.pool, node.id))
    return Act(_steps(signal.target, due[: settings.max_nodes], settings.means))


def _steps(account: str, nodes: list[BatchNode], means: Means) -> tuple[Step, ...]:
    pools: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        pools[node.pool].append(f"{node.pool}/{node.id}")
    if means is Means.REMOVE:
        return tuple(
            Step(Verb.BATCH_REPLACE, account, {"pool": pool, "nodes": names})
            for pool, names in pools.items()
        )
    verb = Verb.BATCH_REBOOT if means is Means.REBOOT else Verb.BATCH_REIMAGE
    every = [name for names in pools.values() for name in names]
    return (Step(verb, account, {"nodes": every}),)


def recheck(
    plan: Plan, facts: BatchNodesFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: the step looks at each of its nodes itself."""
    return None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_ACCOUNT = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_NODE = BatchNode(
    account=_ACCOUNT,
    pool="gpu",
    id="tvmps_1",
    state="unusable",
    takes_tasks=True,
    is_usable=False,
    since=_NOW - timedelta(hours=1),
)
_OTHER = replace(_NODE, id="tvmps_2", state="starttaskfailed")
_ALERT = Signal(
    type=SignalType.BATCH_NODES_UNUSABLE,
    event_id="a-1",
    source="common_alert",
    target=_ACCOUNT,
    observed_at=_NOW,
)
_FACTS = BatchNodesFacts(Resource(_ACCOUNT, BATCH_ACCOUNT, "render"), (_NODE, _OTHER))
_BOTH = ["gpu/tvmps_1", "gpu/tvmps_2"]

REMEDIATION = Remediation(
    name="mend_batch_node",
    summary="Reboot, reimage or replace Batch nodes that cannot take tasks.",
    answers=frozenset({SignalType.BATCH_NODES_UNUSABLE, SignalType.RUNBOOK}),
    facts=FactsKind.BATCH_NODES,
    settings=Settings,
    verbs=frozenset({Verb.BATCH_REBOOT, Verb.BATCH_REIMAGE, Verb.BATCH_REPLACE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "two nodes take no tasks: both are rebooted",
            _ALERT,
            _FACTS,
            _NOW,
            Act((Step(Verb.BATCH_REBOOT, _ACCOUNT, {"nodes": _BOTH}),)),
        ),
        Example(
            "the second rung: they are installed anew",
            _ALERT,
            _FACTS,
            _NOW,
            Act((Step(Verb.BATCH_REIMAGE, _ACCOUNT, {"nodes": _BOTH}),)),
            Settings(means=Means.REIMAGE),
        ),
        Example(
            "the last rung: they are replaced, pool by pool",
            _ALERT,
            _FACTS,
            _NOW,
            Act((Step(Verb.BATCH_REPLACE, _ACCOUNT, {"pool": "gpu", "nodes": _BOTH}),)),
            Settings(means=Means.REMOVE),
        ),
        Example(
            "broken for a minute: Batch may mend it by itself",
            _ALERT,
            replace(_FACTS, nodes=(replace(_NODE, since=_NOW - timedelta(minutes=1)),)),
            _NOW,
            Hold(Reason.TOO_SOON, until=_NOW + timedelta(minutes=4), detail="1 nodes"),
        ),
        Example(
            "all of them take tasks again",
            _ALERT,
            replace(_FACTS, nodes=()),
            _NOW,
            Skip(Reason.NOTHING_UNUSABLE, "every node takes tasks, or will soon"),
        ),
    ),
)
