"""Mend Batch nodes that take no tasks: reboot, reimage, or replace them; many in one step.

What each node's state was before is remembered before anything is sent, so that a worker
which takes over from a dead one sends nothing to a node that has moved since. One node that
cannot be mended keeps no other from it; those left over are named when the step ends.

Source: https://learn.microsoft.com/rest/api/batchservice/nodes,
https://learn.microsoft.com/azure/batch/batch-pool-node-error-checking
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.errors import InvalidTarget
from shared.core.facts import BatchNode
from shared.core.ledger import StepResult
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, each, failed, not_yet
from shared.ports import PoolTargets

LIMIT = timedelta(minutes=30)
SETTLES_IN = timedelta(minutes=5)
BROKEN = frozenset({"unusable", "starttaskfailed"})
LEAVING = frozenset({"leavingpool", "preempted", "deallocated", "deallocating"})
Send = Callable[[BatchNode], Awaitable[None]]
Found = Mapping[str, BatchNode | None]


async def batch_reboot(work: Work) -> StepResult:
    """Reboot each node, and see that it takes tasks again."""
    return await _mend(work, work.ports.batch_nodes.reboot)


async def batch_reimage(work: Work) -> StepResult:
    """Install each node anew, and see that it takes tasks again."""
    return await _mend(work, work.ports.batch_nodes.reimage)


async def _mend(work: Work, send: Send) -> StepResult:
    found = await _read(work)
    sent: dict[str, Any] = dict(work.progress.get("sent") or {})
    broken = {name: node for name, node in found.items() if node and node.state in BROKEN}
    if not sent:
        if not broken:
            return already(nodes=_states(found))
        await work.remember({"sent": {name: _since(node) for name, node in broken.items()}})
        refused = await _send(work, broken, send)
        raise not_yet("mending", work.soon(), **_progress(work, broken, refused))
    refused = dict(work.progress.get("refused") or {})
    if "sent_at" not in work.progress:  # a worker died in the middle of sending
        unmoved = {n: x for n, x in broken.items() if sent.get(n) == _since(x)}
        refused |= await _send(work, unmoved, send)
        raise not_yet("mending", work.soon(), **_progress(work, {}, refused, sent))
    if _is_going_on(work, found, sent, refused):
        raise not_yet("mending", work.soon(), **work.progress)
    if any(node and not _is_well(node) for node in found.values()):
        return failed(Reason.NOT_MENDED, nodes=_states(found), refused=refused)
    return done(nodes=_states(found))


def _is_going_on(
    work: Work, found: Found, sent: Mapping[str, Any], refused: Mapping[str, str]
) -> bool:
    """Tell whether some node may still come back: it is on its way, or was asked just now.

    One that was refused, or that broke again, will not; nor one that has not moved for long.
    """
    if work.running_for() >= LIMIT:
        return False
    unwell = {name: node for name, node in found.items() if node and not _is_well(node)}
    if any(node.state not in BROKEN for node in unwell.values()):
        return True
    unmoved = [n for n, x in unwell.items() if n not in refused and sent.get(n) == _since(x)]
    settled = (work.since("sent_at") or work.now()) + SETTLES_IN
    return bool(unmoved) and work.now() < settled


def _is_well(node: BatchNode) -> bool:
    """Tell whether a node takes tasks, or is on its way out of the pool."""
    return node.is_usable or node.state in LEAVING


async def _read(work: Work) -> Found:
    async def one(name: str) -> tuple[str, BatchNode | None]:
        pool, _, node = name.partition("/")
        return name, await work.ports.batch_nodes.node(work.target, pool, node)

    return dict(await each(work.args["nodes"], one))


async def _send(work: Work, nodes: Mapping[str, BatchNode], send: Send) -> dict[str, str]:
    """Ask for each; return those that Batch refused, with its words."""

    async def one(name: str) -> tuple[str, str]:
        work.must_be_ours()
        try:
            await send(nodes[name])
        except InvalidTarget as error:
            return name, str(error)
        return name, ""

    return {name: words for name, words in await each(nodes, one) if words}


def _progress(
    work: Work,
    broken: Mapping[str, BatchNode],
    refused: Mapping[str, str],
    sent: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "sent": dict(sent or {name: _since(node) for name, node in broken.items()}),
        "sent_at": write_moment(work.now()),
        "refused": dict(refused),
    }


def _since(node: BatchNode) -> str:
    """Name the very stay in its state: the next one has another moment."""
    return f"{node.state} {write_moment(node.since) if node.since else ''}"


def _states(found: Found) -> dict[str, str]:
    return {name: node.state if node else "gone" for name, node in found.items()}


async def batch_replace(work: Work) -> StepResult:
    """Remove the nodes of one pool, then set the pool to as many as it was set to.

    Removing lowers the pool's target; a formula sets it anew by itself, and where there is
    none it is set back, unless somebody has set it to another number meanwhile.
    """
    found = await _read(work)
    pool = str(work.args["pool"])
    targets = await work.ports.batch_nodes.targets(work.target, pool)
    if targets is None:
        return already(Reason.TARGET_GONE, pool=pool)
    broken = [node for node in found.values() if node and node.state in BROKEN]
    was = work.progress.get("was")
    if was is None and not broken:
        return already(nodes=_states(found))
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, nodes=_states(found))
    if not targets.is_steady:
        raise not_yet("waiting for the pool", work.soon(), **work.progress)
    if was is None:
        was = {"dedicated": targets.dedicated, "low_priority": targets.low_priority}
        await work.remember({"was": was})
    if broken:
        work.must_be_ours()
        ids = [node.id for node in broken]
        await work.ports.batch_nodes.remove(work.target, pool, ids)
        raise not_yet("removing nodes", work.soon(), was=was, removed=ids)
    if any(node and not node.is_usable for node in found.values()):
        raise not_yet("removing nodes", work.soon(), **work.progress)
    return await _refill(work, pool, targets, was)


async def _refill(
    work: Work, pool: str, targets: PoolTargets, was: Mapping[str, int]
) -> StepResult:
    removed = len(work.progress.get("removed") or work.args["nodes"])
    lost = was["dedicated"] + was["low_priority"] - targets.dedicated - targets.low_priority
    detail = {"pool": pool, "removed": removed, "target": dict(was)}
    if targets.is_autoscaled or lost == 0:
        return done(**detail)
    if lost != removed:
        return done(**detail, left_at=targets.dedicated + targets.low_priority)
    work.must_be_ours()
    await work.ports.batch_nodes.resize(
        work.target, pool, dedicated=was["dedicated"], low_priority=was["low_priority"]
    )
    raise not_yet("refilling the pool", work.soon(), **work.progress)
