"""Let an idle Batch pool go to no nodes, or give it back the formula it is to have.

A node on which a task has begun meanwhile is kept until that task ends.

Source: https://learn.microsoft.com/rest/api/batchservice/pools/resize-pool,
https://learn.microsoft.com/rest/api/batchservice/pools/enable-auto-scale
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.core.batch_pools import BatchPool
from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.resource_ids import ResourceId
from shared.engine.effects.work import (
    Work,
    already,
    done,
    failed,
    not_yet,
    refused,
    saved,
)

LIMIT = timedelta(minutes=30)


async def batch_rest_pool(work: Work) -> StepResult:
    """Set the pool to no nodes, or to its formula, unless it has work just now."""
    target = ResourceId.parse(work.target)
    account, name = target.parent, target.name
    pool = await work.ports.batch_nodes.pool(account, name)
    if pool is None:
        return already(Reason.TARGET_GONE)
    formula = str(work.args.get("formula") or "")
    if _is_so(pool, formula):
        if "nodes" not in work.progress:
            return already(nodes=pool.nodes)
        return done(**await _money(work, pool, formula))
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, nodes=pool.nodes)
    if not pool.is_steady:
        raise not_yet("waiting for the pool", work.soon(), **work.progress)
    if pool.formula:
        return refused(Reason.SET_ALREADY, pool=name)
    if not formula and await _has_work(work, account, name):
        return refused(Reason.IN_USE, pool=name)
    progress: dict[str, Any] = {"nodes": work.progress.get("nodes", pool.nodes)}
    await work.remember(progress)
    work.must_be_ours()
    if formula:
        await work.ports.batch_nodes.enable_formula(account, name, formula)
    else:
        await work.ports.batch_nodes.resize(account, name, dedicated=0, low_priority=0)
    raise not_yet("scaling the pool", work.soon(), **progress)


def _is_so(pool: BatchPool, formula: str) -> bool:
    """Tell whether it is set as wanted, and has become so."""
    if formula:
        return pool.formula == formula
    return not pool.formula and pool.nodes == 0 and pool.is_steady


async def _has_work(work: Work, account: str, pool: str) -> bool:
    busy, _ = await work.ports.batch_nodes.idle_since(account, pool)
    jobs = await work.ports.batch.active_jobs(account)
    return bool(busy) or any(
        job.pool.casefold() == pool.casefold() and job.unfinished for job in jobs
    )


async def _money(work: Work, pool: BatchPool, formula: str) -> dict[str, Any]:
    """Say what the nodes that went cost; what a formula will do is not known yet."""
    account = await work.ports.resources.resource(pool.account)
    if formula or account is None:
        return {"formula": formula} if formula else {}
    nodes = int(work.progress["nodes"])
    sized = replace(account, size=pool.size)
    return {"nodes": nodes, **saved(work.ports, sized, nodes)}
