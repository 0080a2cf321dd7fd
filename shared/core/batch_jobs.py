"""Jobs of Azure Batch: what they are and what became of their tasks. Pure.

A job whose tasks are all done stays active for ever unless it was told to end itself, and
counts against the account's quota of active jobs.

Source: https://learn.microsoft.com/azure/batch/batch-quota-limit,
https://learn.microsoft.com/rest/api/batchservice/jobs/get (onAllTasksComplete)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.resources import Resource


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One job.

    Attributes:
        account: ARM id of the Batch account.
        state: ``active``, ``terminating``, ``completed``, ...
        since: When it entered its state.
        unfinished: Tasks that wait or run; None if their number was not asked for.
        succeeded: Tasks that ended well.
        failed: Tasks that ended in failure.
        ends_itself: Whether Batch closes it when its last task ends.
        pool: Name of the pool that it runs on.
        labels: Its metadata, which people write; Azure's tags do not reach a job.
    """

    account: str
    id: str
    state: str
    since: datetime | None = None
    unfinished: int | None = None
    succeeded: int = 0
    failed: int = 0
    ends_itself: bool = False
    pool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The ARM-like id by which signals and plans name it."""
        return f"{self.account}/jobs/{self.id}"

    @property
    def is_all_done(self) -> bool:
        """Tell whether it is active, had tasks, and none of them waits or runs."""
        return self.state == "active" and self.unfinished == 0 and bool(self.ended)

    @property
    def ended(self) -> int:
        """How many of its tasks have ended."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class BatchJobFacts:
    """A job, and whether anything of it moved lately.

    Attributes:
        resource: The account's tags with the job's own labels over them.
        has_moved: Whether a task waits, runs, or entered its state within the time that the
            rule asks for; by a list, for Batch's counts may be late.
    """

    resource: Resource
    job: BatchJob
    has_moved: bool
