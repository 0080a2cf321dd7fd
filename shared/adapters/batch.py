"""Azure Batch jobs and tasks, by azure-batch's data plane.

Reactivation wipes a task's exit information, so reading a task gives back all of it
first. The account's own host comes from the resource manager, never from its name.

Source: https://learn.microsoft.com/rest/api/batchservice/
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters import batch_jobs
from shared.adapters.arm import ArmReader
from shared.adapters.azure_errors import error_code, translated
from shared.adapters.recent import Recent
from shared.adapters.resources import API_VERSIONS
from shared.adapters.sdk_options import sdk_options
from shared.core.batch_jobs import BatchJob
from shared.core.errors import InvalidTarget
from shared.core.facts import FailedTask
from shared.core.resource_ids import BATCH_ACCOUNT, ResourceId
from shared.core.settings import Settings
from shared.ports import FailedTasksRead, TaskState

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient
    from azure.core.credentials_async import AsyncTokenCredential

ROLE = "Azure Batch Job Submitter"
_ACTIVE = "state eq 'active'"
_FIELDS = ["id", "state", "executionInfo"]
_LONG = timedelta(hours=24)
NOT_FAILED_NOW = frozenset({"TaskNotCompleted", "TaskSucceeded"})
"""Answers to a reactivation that say there is nothing to reactivate: look again.

Source: https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes
"""
JOB_ENDED = frozenset(
    {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobDisabled", "JobNotActive"}
)
_EXIT_FIELDS = (
    "startTime",
    "endTime",
    "exitCode",
    "result",
    "failureInfo",
    "containerInfo",
    "retryCount",
    "lastRetryTime",
    "requeueCount",
    "lastRequeueTime",
)


class AzureBatch:
    """``BatchAccounts`` over the Batch service."""

    def __init__(
        self, credential: AsyncTokenCredential, arm: ArmReader, settings: Settings
    ) -> None:
        self._credential = credential
        self._arm = arm
        # One slash of the audience's own and one of the scope's: the service wants both.
        self._scope = settings.batch_audience + "/.default"
        self._hosts: Recent[str] = Recent(ttl=_LONG, limit=1_000)
        self._clients: dict[str, BatchClient] = {}

    async def failed_tasks(
        self, account: str, *, job: str, since: datetime, limit: int
    ) -> FailedTasksRead:
        """Read the failed tasks of one job, or of every active job."""
        client = await self.client(account)
        async with translated(f"listing failed tasks of {account}", role=ROLE):
            jobs = await _jobs(client, job)
            found: list[FailedTask] = []
            for one in jobs:
                async for task in _failed(client, one, since):
                    if len(found) == limit:
                        return FailedTasksRead(jobs, tuple(found), is_complete=False)
                    found.append(task)
        return FailedTasksRead(jobs, tuple(found), is_complete=True)

    async def job_state(self, account: str, job: str) -> str | None:
        """Return a job's state."""
        client = await self.client(account)
        async with translated(f"reading job {job} of {account}", role=ROLE):
            return (await _jobs(client, job)).get(job)

    async def task(self, account: str, job: str, task: str) -> TaskState | None:
        """Read one task with all that reactivating it would erase."""
        client = await self.client(account)
        async with translated(f"reading task {job}/{task} of {account}", role=ROLE):
            try:
                found = await client.get_task(job, task)
            except _not_found():
                return None
        return task_state(found.as_dict())

    async def reactivate(self, account: str, job: str, task: str) -> None:
        """Let a failed task run again; one that is not failed any more is no error.

        Raises:
            InvalidTarget: There is no such task, or its job has ended or is ending.
        """
        from azure.core.exceptions import HttpResponseError

        client = await self.client(account)
        doing = f"reactivating task {job}/{task} of {account}"
        async with translated(doing, role=ROLE):
            try:
                await client.reactivate_task(job, task)
            except HttpResponseError as exc:
                code = error_code(exc)
                if code in JOB_ENDED:
                    raise InvalidTarget(f"{doing}: {code}") from exc
                if code not in NOT_FAILED_NOW:
                    raise

    async def active_jobs(self, account: str) -> tuple[BatchJob, ...]:
        """Read every active job."""
        client = await self.client(account)
        async with translated(f"listing jobs of {account}", role=ROLE):
            return await batch_jobs.active_jobs(client, account)

    async def job(self, account: str, job: str) -> BatchJob | None:
        """Read one job."""
        client = await self.client(account)
        async with translated(f"reading job {job} of {account}", role=ROLE):
            return await batch_jobs.one_job(client, account, job)

    async def has_moved(self, account: str, job: str, *, since: datetime) -> bool:
        """Tell whether anything of a job is going on, or did since then."""
        client = await self.client(account)
        async with translated(f"listing tasks of {job} of {account}", role=ROLE):
            return await batch_jobs.has_moved(client, job, since)

    async def terminate_job(self, account: str, job: str) -> None:
        """Close a job."""
        client = await self.client(account)
        async with translated(f"closing job {job} of {account}", role=ROLE):
            await batch_jobs.terminate(client, job)

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    async def client(self, account: str) -> BatchClient:
        """Return the client of an account, building it on first use."""
        rid = _account(account)
        host = await self._hosts.get(rid.key, lambda: self._host(rid))
        if host not in self._clients:
            build = await asyncio.to_thread(_client_class)
            self._clients.setdefault(
                host,
                build(
                    f"https://{host}",
                    self._credential,
                    credential_scopes=[self._scope],
                    **sdk_options(),
                ),
            )
        return self._clients[host]

    async def _host(self, account: ResourceId) -> str:
        version = API_VERSIONS[BATCH_ACCOUNT]
        document = await self._arm.get(account.text, api_version=version)
        properties = (document or {}).get("properties") or {}
        host = str(properties.get("accountEndpoint") or "")
        if not host:
            raise InvalidTarget(f"there is no Batch account {account.text}")
        return host


async def _jobs(client: BatchClient, job: str) -> Mapping[str, str]:
    """Return the named job with its state, whatever it is; or every active job."""
    if not job:
        listed = client.list_jobs(filter=_ACTIVE, select=["id", "state"])
        return {str(one.id): _value(one.state) async for one in listed}
    try:
        found = await client.get_job(job, select=["id", "state"])
    except _not_found():
        return {}
    return {str(found.id): _value(found.state)}


async def _failed(client: BatchClient, job: str, since: datetime) -> AsyncIterator[FailedTask]:
    """Yield a job's tasks that failed at or after ``since``.

    The service filters by time too, which spares reading a long job's whole past; the
    answer is compared again, since whole seconds are all that is sent.

    Source: https://learn.microsoft.com/rest/api/batchservice/odata-filters-in-batch
    """
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = (
        "state eq 'completed' and executionInfo/result eq 'failure'"
        f" and executionInfo/endTime ge DateTime'{moment}'"
    )
    try:
        async for one in client.list_tasks(job, filter=wanted, select=_FIELDS):
            task = failed_task(job, one.as_dict())
            if task is not None and (task.ended_at is None or task.ended_at >= since):
                yield task
    except _not_found():
        return


def failed_task(job: str, document: Mapping[str, Any]) -> FailedTask | None:
    """Read a task out of a list; None if it did not end in failure."""
    state = task_state(document)
    if not state.has_failed:
        return None
    info = document.get("executionInfo") or {}
    code = info.get("exitCode")
    return FailedTask(
        job=job,
        id=state.id,
        exit_code=None if code is None else int(code),
        category=_value((info.get("failureInfo") or {}).get("category")),
        ended_at=state.ended_at,
    )


def task_state(document: Mapping[str, Any]) -> TaskState:
    """Read a task; it has failed only if it is completed and the service says failure.

    An old task without ``result`` is judged by its exit code and its failure.
    """
    info = document.get("executionInfo") or {}
    state = _value(document.get("state"))
    ended = state == "completed"
    kept = {name: info[name] for name in _EXIT_FIELDS if info.get(name) is not None}
    if document.get("nodeInfo"):
        kept["nodeInfo"] = document["nodeInfo"]
    return TaskState(
        id=str(document.get("id") or ""),
        state=state,
        has_failed=_has_failed(info) if ended else None,
        ended_at=_moment(info.get("endTime")) if ended else None,
        exit_info=kept if ended else {},
    )


def _has_failed(info: Mapping[str, Any]) -> bool:
    result = _value(info.get("result"))
    if result:
        return result == "failure"
    return bool(info.get("failureInfo")) or info.get("exitCode") not in {0, None}


def _value(state: object) -> str:
    """Return an enum's wire value: on 3.11 its ``str()`` is the member's name."""
    return str(getattr(state, "value", state) or "").casefold()


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _client_class() -> type[BatchClient]:
    from azure.batch.aio import BatchClient

    return BatchClient


def _not_found() -> type[Exception]:
    from azure.core.exceptions import ResourceNotFoundError

    return ResourceNotFoundError


def _account(text: str) -> ResourceId:
    try:
        rid = ResourceId.parse(text)
    except ValueError as exc:
        raise InvalidTarget(str(exc)) from exc
    if rid.type != BATCH_ACCOUNT:
        raise InvalidTarget(
            f"{text} is no Batch account: it must end in "
            "/providers/Microsoft.Batch/batchAccounts/{name}"
        )
    return rid
