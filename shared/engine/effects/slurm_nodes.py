"""Drain a Slurm node and put it back to work: only ever what nobody else drained.

A drain is one write of state, reason and comment, and Slurm may apply a part of it. So
every write is followed by a read, whatever it answered: what is there counts. Whose drain
it is stands in the comment; the reason is for people.

Source: https://slurm.schedmd.com/scontrol.html (State=DRAIN, State=RESUME)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from shared.core.decisions import Reason
from shared.core.errors import AutomationError, GiveUp, LeaseHeld, RetryLater
from shared.core.ledger import StepResult
from shared.core.plans import Plan, StepOutcome
from shared.core.slurm import SlurmNode, with_marks
from shared.core.steps import Verb
from shared.core.wording import line
from shared.engine.effects.work import Work, already, done, failed, refused, unknown

REASON_LIMIT = 120
_SAID_LIMIT = 200
_TROUBLE = "trouble"  # what the engine counts in a step's progress


async def slurm_drain(work: Work) -> StepResult:
    """Let no new job start on the node, unless somebody else drained it first.

    A node that is not drained and bears this plan's mark was resumed by a person, unless
    an earlier attempt of ours had trouble: then Slurm applied a part of it.
    """
    node = await same_node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    if node.is_drained and not node.is_ours:
        return _drained_by_others(node)
    if not node.is_drained and work.plan.id in node.marks and _TROUBLE not in work.progress:
        return refused(Reason.RESUMED_BY_HAND, node=node.name)
    if not _is_done(node, work.plan.id):
        return await _drain(work, node)
    return done(node=node.name, reason=node.reason)


async def _drain(work: Work, node: SlurmNode) -> StepResult:
    """Write it, and once more if a part of it was applied and the rest was not."""
    reason = line(f"nightshift: {work.args['because']}", REASON_LIMIT)
    kept = node.marks if node.is_ours else ()
    comment = with_marks(node.comment, (*kept, work.plan.id))
    trouble: AutomationError | None = None
    for _ in range(2):
        write = partial(work.ports.slurm.drain, node, reason=reason, comment=comment)
        trouble, after = await _written(work, node, write)
        if after is None:
            return already(Reason.TARGET_GONE)
        if _is_done(after, work.plan.id):
            return done(node=node.name, reason=after.reason)
        if after.is_drained and not after.is_ours:
            return _drained_by_others(after)
        if after.comment == node.comment and after.reason == node.reason:
            break
        node = after
    if trouble is None:
        return unknown(Reason.UNVERIFIED, node=node.name, state=list(node.states))
    if work.plan.id not in node.marks:
        raise trouble
    return failed(Reason.HALF_APPLIED, node=node.name, error=str(trouble))


def _drained_by_others(node: SlurmNode) -> StepResult:
    said = line(node.reason, _SAID_LIMIT)
    return already(Reason.DRAINED_BY_OTHERS, node=node.name, by=node.reason_user, said=said)


async def slurm_resume(work: Work) -> StepResult:
    """Take our own drain back, and only ours; the mark goes last.

    Went it first and Slurm refused the rest, the node would stay drained for nobody.
    """
    mine = str(work.args["of"])
    node = await _node_of(work, mine)
    if node is None:
        return already(Reason.TARGET_GONE)
    if mine not in node.marks:
        reason = Reason.NOT_OURS if node.is_drained else ""
        was_sent = work.record.attempts > 1
        return done(node=node.name) if was_sent and not reason else already(reason)
    others = [mark for mark in node.marks if mark != mine]
    if node.is_drained and not node.is_ours:
        await _unmarked(work, node, others)
        return already(Reason.DRAINED_BY_OTHERS, node=node.name, by=node.reason_user)
    if node.is_drained and not others:
        trouble, after = await _written(work, node, partial(work.ports.slurm.resume, node))
        if after is None:
            return already(Reason.TARGET_GONE)
        if after.is_drained:
            return _still_drained(after, trouble)
        node = after
    left = await _unmarked(work, node, others)
    if mine in left.marks:
        return unknown(Reason.UNVERIFIED, node=node.name)
    return done(node=node.name, still_drained_by=others)


def _still_drained(node: SlurmNode, trouble: AutomationError | None) -> StepResult:
    if trouble is not None:
        raise trouble
    return unknown(Reason.UNVERIFIED, node=node.name, state=list(node.states))


async def same_node(work: Work) -> SlurmNode | None:
    """Read the step's node; None if it is gone, or is another machine by now.

    Clusters in the cloud give a node's name to the next machine.
    """
    return await _named(work, work.plan)


def was_resumed(work: Work, node: SlurmNode) -> bool:
    """Tell whether a person put the node back to work after this plan drained it."""
    drained = next(
        (r for r in work.plan.steps if r.step.verb is Verb.SLURM_DRAIN), work.record
    )
    return drained.outcome is StepOutcome.DONE and not node.is_drained


async def settled(
    work: Work, node: SlurmNode, write: Callable[[], Awaitable[None]]
) -> SlurmNode | None:
    """Write, read again, and raise the write's error only if the node is as before."""
    trouble, after = await _written(work, node, write)
    if trouble is not None and after is not None and after.states == node.states:
        raise trouble
    return after


async def _written(
    work: Work, node: SlurmNode, write: Callable[[], Awaitable[None]]
) -> tuple[AutomationError | None, SlurmNode | None]:
    """Write and read again; an error of the write is returned beside what is there."""
    work.must_be_ours()
    trouble: AutomationError | None = None
    try:
        await write()
    except LeaseHeld:
        raise
    except (GiveUp, RetryLater) as error:
        trouble = error
    return trouble, await work.ports.slurm.node(node.cluster, node.name)


async def _unmarked(work: Work, node: SlurmNode, left: list[str]) -> SlurmNode:
    comment = with_marks(node.comment, left)
    trouble, after = await _written(
        work, node, partial(work.ports.slurm.comment, node, comment)
    )
    if trouble is not None and after is not None and after.comment != comment:
        raise trouble
    return after or node


async def _node_of(work: Work, plan_id: str) -> SlurmNode | None:
    """Find the node that another plan drained, as it named it."""
    stored = await work.ports.ledger.find(plan_id)
    return await _named(work, stored.plan) if stored is not None else None


async def _named(work: Work, plan: Plan) -> SlurmNode | None:
    where = next(
        (
            record.step.args
            for record in plan.steps
            if record.step.verb is not Verb.SLURM_RESUME and "node" in record.step.args
        ),
        None,
    )
    if where is None:
        return None
    node = await work.ports.slurm.node(str(where["cluster"]), str(where["node"]))
    if node is None:
        return None
    was = str(where.get("address") or "")
    is_other = bool(was and node.address and node.address != was)
    return None if is_other else node


def _is_done(node: SlurmNode, plan: str) -> bool:
    return node.is_ours and plan in node.marks
