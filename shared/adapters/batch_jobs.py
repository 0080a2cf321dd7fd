"""Jobs of a Batch account as the service writes them: read, counted, closed.

Source: https://learn.microsoft.com/rest/api/batchservice/jobs
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import error_code
from shared.core.batch_jobs import BatchJob
from shared.core.moments import read_moment

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient

ACTIVE = "state eq 'active'"
AT_ONCE = 8
FIELDS = ["id", "state", "stateTransitionTime", "onAllTasksComplete"]
FIELDS += ["metadata", "poolInfo", "executionInfo"]
ENDING = frozenset({"JobCompleted", "JobBeingTerminated", "JobBeingDeleted"})
WHY = "NightshiftAllTasksDone"


async def active_jobs(client: BatchClient, account: str) -> tuple[BatchJob, ...]:
    """Read every active job with its tasks' numbers."""
    listed = [
        one.as_dict() async for one in client.list_jobs(filter=ACTIVE, select=list(FIELDS))
    ]
    gate = asyncio.Semaphore(AT_ONCE)

    async def counted(document: Mapping[str, Any]) -> BatchJob | None:
        async with gate:
            return await _counted(client, account, document)

    found = await asyncio.gather(*(counted(one) for one in listed))
    return tuple(one for one in found if one is not None)


async def one_job(client: BatchClient, account: str, job: str) -> BatchJob | None:
    """Read one job with its tasks' numbers; None if there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = await client.get_job(job, select=list(FIELDS))
    except ResourceNotFoundError:
        return None
    return await _counted(client, account, found.as_dict())


async def _counted(
    client: BatchClient, account: str, document: Mapping[str, Any]
) -> BatchJob | None:
    """Count a job's tasks; None for one that went away meanwhile."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        counts = (await client.get_job_task_counts(str(document["id"]))).as_dict()
    except ResourceNotFoundError:
        return None
    return job_of(document, counts["taskCounts"], account)


def job_of(document: Mapping[str, Any], tasks: Mapping[str, Any], account: str) -> BatchJob:
    """Read a job as the service writes it."""
    since = document.get("stateTransitionTime")
    return BatchJob(
        account=account,
        id=str(document["id"]),
        state=str(document.get("state") or "").casefold(),
        since=read_moment(since) if isinstance(since, str) else None,
        unfinished=int(tasks["active"]) + int(tasks["running"]),
        succeeded=int(tasks["succeeded"]),
        failed=int(tasks["failed"]),
        ends_itself=str(document.get("onAllTasksComplete") or "").casefold() == "terminatejob",
        pool=_pool(document),
        labels={
            str(one["name"]): str(one.get("value") or "")
            for one in document.get("metadata") or ()
        },
    )


def _pool(document: Mapping[str, Any]) -> str:
    """Name the pool: the one that it runs on, which an auto-pool gets when it begins."""
    for where in ("executionInfo", "poolInfo"):
        if found := (document.get(where) or {}).get("poolId"):
            return str(found)
    return ""


async def has_moved(client: BatchClient, job: str, since: datetime) -> bool:
    """Tell whether a task of it waits, runs, or entered its state at or after ``since``."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = f"state ne 'completed' or stateTransitionTime ge DateTime'{moment}'"
    async for _ in client.list_tasks(job, filter=wanted, select=["id"], max_results=1):
        return True
    return False


async def terminate(client: BatchClient, job: str) -> None:
    """Close a job; one that has ended or is ending is no error."""
    from azure.core.exceptions import HttpResponseError

    options: Any = {"terminateReason": WHY}  # its model is not public
    try:
        await client.begin_terminate_job(job, options)
    except HttpResponseError as exc:
        if error_code(exc) not in ENDING:
            raise
