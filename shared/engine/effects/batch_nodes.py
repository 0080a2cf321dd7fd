"""Keep tasks off a Batch node that is about to go, and give it tasks again.

Batch refuses to disable what is disabled, and nothing on a node says who disabled it. So
the state is read first, and the intent is written before the call: a worker that finds the
node disabled and an intent finds its own work.

Source: https://learn.microsoft.com/rest/api/batchservice/nodes/disable-node-scheduling
"""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Reason
from shared.core.facts import BatchNode
from shared.core.ledger import StepResult
from shared.core.wire import write_moment
from shared.engine.effects.work import (
    Work,
    already,
    done,
    failed,
    not_yet,
    refused,
    unknown,
)
from shared.ports import TasksThen

LOOK_AGAIN = timedelta(seconds=1)
EMPTY = frozenset({"idle", "offline"})


async def batch_disable(work: Work) -> StepResult:
    """Let no new task start on the node, unless somebody else keeps them off already."""
    node = await _node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    intent = work.since("intent_at")
    if not node.takes_tasks and intent is None:
        return already(Reason.DISABLED_BY_OTHERS, node=node.id)
    if node.takes_tasks:
        if intent is None:
            await work.remember({"intent_at": write_moment(work.now())})
        work.must_be_ours()
        await work.ports.batch_nodes.disable(node, then=TasksThen(work.args["then"]))
        node = await _node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    if node.takes_tasks:
        return unknown(Reason.UNVERIFIED, node=node.id)
    return done(node=node.id, pool=node.pool, tasks=work.args["then"])


async def batch_enable(work: Work) -> StepResult:
    """Give the node tasks again: only undoing what we disabled comes here."""
    node = await work.ports.batch_nodes.find(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if node.takes_tasks:
        return done(node=node.id) if work.record.attempts > 1 else already(node=node.id)
    work.must_be_ours()
    await work.ports.batch_nodes.enable(node)
    node = await work.ports.batch_nodes.find(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if not node.takes_tasks:
        return unknown(Reason.UNVERIFIED, node=node.id)
    return done(node=node.id, pool=node.pool)


async def batch_idle(work: Work) -> StepResult:
    """Wait until nothing runs on the node, to the deadline and no longer."""
    node = await _node(work)
    if node is None:
        return already(Reason.TARGET_GONE)
    if node.takes_tasks:
        return refused(Reason.ENABLED_BY_HAND, node=node.id)
    if node.state in EMPTY or not node.is_usable:
        is_first = work.record.attempts <= 1
        end = already if is_first else done
        return end(node=node.id, state=node.state)
    late = _too_late(work)
    if late:
        return failed(late, node=node.id, running=node.running_tasks)
    raise not_yet(f"waiting for tasks on {node.id}", LOOK_AGAIN, running=node.running_tasks)


async def _node(work: Work) -> BatchNode | None:
    account, pool, node = (str(work.args[name]) for name in ("account", "pool", "node"))
    return await work.ports.batch_nodes.node(account, pool, node)


def _too_late(work: Work) -> str:
    if work.deadline is not None:
        margin = timedelta(seconds=work.args["margin_s"])
        return Reason.DEADLINE_PASSED if work.now() >= work.deadline - margin else ""
    limit = timedelta(seconds=work.args["timeout_s"])
    return Reason.TIMED_OUT if work.running_for() >= limit else ""
