"""Keep what failed Batch tasks left, then let them run again, each within its budget.

Source: https://learn.microsoft.com/rest/api/batchservice/task/reactivate-task (only a
completed, failed task of a job that is not ending; its exit information is erased).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.core.decisions import Reason
from shared.core.facts import retry_key
from shared.core.ledger import StepResult
from shared.core.resource_ids import ResourceId
from shared.core.wire import read_moment, write_moment
from shared.engine.effects.work import (
    Work,
    already,
    done,
    each,
    failed,
    not_yet,
    refused,
    unknown,
)
from shared.ports import TaskState


def record_name(plan: str, step: int) -> str:
    """Name the document that keeps a step's exit information."""
    return f"exit-info/{plan}-{step}.json"


async def save_exit_info(work: Work) -> StepResult:
    """Store the exit information of every task of this portion; what is first stays."""
    account, job = _account_and_job(work)
    name = record_name(work.plan.id, work.index)

    async def read(task: str) -> tuple[str, TaskState | None]:
        return task, await work.ports.batch.task(account, job, task)

    if await work.ports.records.read(name) is not None:
        return done(record=name)
    states = await each(work.args["tasks"], read)
    document: dict[str, Any] = {
        "account": account,
        "job": job,
        "plan": work.plan.id,
        "saved_at": write_moment(work.now()),
        "tasks": {task: _saved(state) for task, state in states if state is not None},
    }
    work.must_be_ours()
    await work.ports.records.keep(name, document)
    if await work.ports.records.read(name) is None:
        return unknown(Reason.UNVERIFIED, record=name)
    return done(record=name, tasks=len(document["tasks"]))


def _account_and_job(work: Work) -> tuple[str, str]:
    job = ResourceId.parse(work.target)
    return job.parent, job.name


def _saved(state: TaskState) -> Mapping[str, Any]:
    return {
        "state": state.state,
        "has_failed": state.has_failed,
        "ended_at": write_moment(state.ended_at),
        "exit_info": dict(state.exit_info),
    }


async def reactivate(work: Work) -> StepResult:
    """Reactivate the tasks whose very failure was saved, and see that they left it.

    Where the rule backs off, nothing is asked for before its time; what the tasks are then
    is read then.
    """
    not_before = read_moment(work.args.get("not_before"))
    if not_before is not None and work.now() < not_before:
        raise not_yet("backing off", not_before - work.now())
    account, job = _account_and_job(work)
    state = await work.ports.batch.job_state(account, job)
    if state != "active":
        return refused(Reason.JOB_NOT_ACTIVE, job=job, state=state)
    saved = await work.ports.records.read(record_name(work.plan.id, work.index - 1))
    if saved is None:
        return refused(Reason.UNREADABLE, missing="exit information")

    async def one(task: str) -> tuple[str, str]:
        return task, await _reactivate_one(work, account, job, task, saved["tasks"])

    outcomes = await each(work.args["tasks"], one)
    return _sum_up(dict(outcomes))


async def _reactivate_one(
    work: Work, account: str, job: str, task: str, saved: Mapping[str, Any]
) -> str:
    """Return ``reactivated``, ``moved_on``, ``gone``, ``retries_spent`` or ``unverified``."""
    before = saved.get(task)
    if before is None:
        return "gone"
    now = await work.ports.batch.task(account, job, task)
    if now is None:
        return "gone"
    if not _still_failed(now, before):
        return "moved_on"
    key = retry_key(account, job, task)
    if not await work.ports.ledger.spend(key, work.plan.id, int(work.args["retries"])):
        return "retries_spent"
    work.must_be_ours()
    await work.ports.batch.reactivate(account, job, task)
    after = await work.ports.batch.task(account, job, task)
    return (
        "unverified" if after is not None and _still_failed(after, before) else "reactivated"
    )


def _still_failed(task: TaskState, saved: Mapping[str, Any]) -> bool:
    """Tell whether it is in the very failure that was saved, and no later one."""
    ended = write_moment(task.ended_at)
    return bool(task.has_failed) and task.state == "completed" and ended == saved["ended_at"]


def _sum_up(outcomes: Mapping[str, str]) -> StepResult:
    counts: dict[str, Any] = {}
    for outcome in outcomes.values():
        counts[outcome] = counts.get(outcome, 0) + 1
    for name in ("retries_spent", "unverified"):
        if counts.get(name):
            counts[f"{name}_tasks"] = sorted(t for t, o in outcomes.items() if o == name)
    if counts.get("unverified"):
        return unknown(Reason.UNVERIFIED, **counts)
    if counts.get("reactivated"):
        return done(**counts)
    if counts.get("retries_spent"):
        return failed(Reason.RETRIES_SPENT, **counts)
    return already(**counts)
