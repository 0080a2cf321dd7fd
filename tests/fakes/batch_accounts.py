"""Batch accounts whose tasks really lose their exit information when reactivated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.core.batch_jobs import BatchJob
from shared.core.errors import InvalidTarget
from shared.core.facts import FailedTask
from shared.ports import FailedTasksRead, TaskState
from tests.fakes.effects import Trapped

ENDED = frozenset({"completed", "terminating", "deleting"})


@dataclass
class FakeTask:
    """One task. ``exit_code`` None means it has not ended."""

    id: str
    exit_code: int | None = None
    category: str = ""
    ended_at: datetime | None = None
    state: str = "completed"
    reactivations: int = 0

    @property
    def has_failed(self) -> bool | None:
        """Whether its last execution failed; None if it has not ended."""
        if self.state != "completed":
            return None
        return self.exit_code != 0

    @property
    def exit_info(self) -> Mapping[str, Any]:
        """What reactivation erases."""
        if self.state != "completed":
            return {}
        return {
            "exitCode": self.exit_code,
            "result": "failure" if self.has_failed else "success",
            "endTime": self.ended_at.isoformat() if self.ended_at else None,
        }


@dataclass
class FakeJob:
    """One job and its tasks."""

    id: str
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    state: str = "active"
    ends_itself: bool = False
    pool: str = "gpu"
    labels: dict[str, str] = field(default_factory=dict)
    looks_left: int = 0


@dataclass(kw_only=True)
class FakeBatch(Trapped):
    """Batch accounts by id. A ``/`` in a job's or task's name is as good as any letter."""

    accounts: dict[str, dict[str, FakeJob]] = field(default_factory=dict)

    def add(self, account: str, job: FakeJob) -> FakeJob:
        """Put a job into an account."""
        self.accounts.setdefault(account.casefold(), {})[job.id] = job
        return job

    async def failed_tasks(
        self, account: str, *, job: str, since: datetime, limit: int
    ) -> FailedTasksRead:
        """Read failed tasks of one job or of every active one."""
        self.reading("failed_tasks")
        every = self._account(account)
        asked = [every[job]] if job in every else []
        jobs = asked if job else [one for one in every.values() if one.state == "active"]
        found = [
            FailedTask(one.id, task.id, task.exit_code, task.category, task.ended_at)
            for one in jobs
            for task in one.tasks.values()
            if task.has_failed and (task.ended_at is None or task.ended_at >= since)
        ]
        states = {one.id: one.state for one in jobs}
        return FailedTasksRead(states, tuple(found[:limit]), len(found) <= limit)

    async def job_state(self, account: str, job: str) -> str | None:
        """Return a job's state."""
        self.reading("job_state")
        found = self._account(account).get(job)
        return found.state if found else None

    async def task(self, account: str, job: str, task: str) -> TaskState | None:
        """Read one task."""
        self.reading("task")
        holder = self._account(account).get(job)
        found = holder.tasks.get(task) if holder else None
        if found is None:
            return None
        ended = found.ended_at if found.state == "completed" else None
        return TaskState(found.id, found.state, found.has_failed, ended, found.exit_info)

    async def reactivate(self, account: str, job: str, task: str) -> None:
        """Set a failed task going again; anything but failed is left alone."""
        self.before("reactivate")
        holder = self._account(account).get(job)
        found = holder.tasks.get(task) if holder else None
        if holder is None or found is None:
            raise InvalidTarget(f"reactivating a task: there is no task {job}/{task}")
        if holder.state in ENDED:
            raise InvalidTarget(f"reactivating a task: the job {job} is {holder.state}")
        if not found.has_failed:
            return
        found.state, found.exit_code, found.category, found.ended_at = "active", None, "", None
        found.reactivations += 1
        self.happened("reactivate", f"{job}/{task}")

    async def active_jobs(self, account: str) -> tuple[BatchJob, ...]:
        """Read every active job."""
        self.reading("active_jobs")
        return tuple(
            _shown(account, job)
            for job in self._account(account).values()
            if job.state == "active"
        )

    async def job(self, account: str, job: str) -> BatchJob | None:
        """Read one job, one look nearer to its end if it is ending."""
        self.reading("job")
        found = self._account(account).get(job)
        if found is None:
            return None
        shown = _shown(account, found)
        if found.state == "terminating" and found.looks_left:
            found.looks_left -= 1
            found.state = "terminating" if found.looks_left else "completed"
        return shown

    async def has_moved(self, account: str, job: str, *, since: datetime) -> bool:
        """Tell whether anything of a job is going on, or did since then."""
        self.reading("has_moved")
        return any(
            task.state != "completed" or (task.ended_at is not None and task.ended_at >= since)
            for task in self._account(account)[job].tasks.values()
        )

    async def terminate_job(self, account: str, job: str) -> None:
        """Begin to close a job."""
        self.before("terminate_job")
        found = self._account(account).get(job)
        if found is None:
            raise InvalidTarget(f"closing a job: there is no job {job}")
        if found.state in ENDED:
            return
        found.state, found.looks_left = "terminating", 1
        self.happened("terminate_job", job)

    def finish(
        self, account: str, job: str, task: str, *, exit_code: int, at: datetime
    ) -> None:
        """Let an active task run to its end."""
        found = self._account(account)[job].tasks[task]
        found.state, found.exit_code, found.ended_at = "completed", exit_code, at

    def _account(self, account: str) -> dict[str, FakeJob]:
        found = self.accounts.get(account.rstrip("/").casefold())
        if found is None:
            raise InvalidTarget(f"there is no Batch account {account}")
        return found


def _shown(account: str, job: FakeJob) -> BatchJob:
    tasks = job.tasks.values()
    return BatchJob(
        account=account,
        id=job.id,
        state=job.state,
        unfinished=sum(task.state != "completed" for task in tasks),
        succeeded=sum(task.has_failed is False for task in tasks),
        failed=sum(task.has_failed is True for task in tasks),
        ends_itself=job.ends_itself,
        pool=job.pool,
        labels=dict(job.labels),
    )
