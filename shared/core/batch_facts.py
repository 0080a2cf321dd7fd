"""Tasks and nodes of Azure Batch, as they were observed at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.core.resources import Resource


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A Batch task that completed with a failure.

    Attributes:
        ended_at: When it ended; None if the service did not say.
        reactivations_spent: How often Nightshift has reactivated it, from the ledger.
    """

    job: str
    id: str
    exit_code: int | None
    category: str
    ended_at: datetime | None
    reactivations_spent: int = 0


@dataclass(frozen=True, slots=True)
class FailedTaskFacts:
    """A Batch account, its jobs' states and the tasks that failed since ``since``.

    Attributes:
        jobs: Job id to state (``active``, ``completed``, ``terminating``, ...).
        is_complete: False if there were more failed tasks than were read.
    """

    resource: Resource
    jobs: Mapping[str, str]
    tasks: tuple[FailedTask, ...]
    since: datetime
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class BatchNode:
    """A compute node of a Batch pool.

    Attributes:
        account: ARM id of the Batch account.
        state: ``idle``, ``running``, ``offline``, ``unusable``, ``starttaskfailed``, ...
        takes_tasks: Whether its scheduling is enabled.
        is_usable: Whether its state lets it run tasks.
        running_tasks: How many run on it; None if that is not told.
        since: When it entered its state.
    """

    account: str
    pool: str
    id: str
    state: str
    takes_tasks: bool
    is_usable: bool
    running_tasks: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchNodeFacts:
    """A VM and the Batch node that it is; ``node`` None if no pool knows the VM."""

    resource: Resource
    node: BatchNode | None


@dataclass(frozen=True, slots=True)
class BatchNodesFacts:
    """A Batch account, or one of its pools, and its nodes that cannot take tasks.

    Attributes:
        is_complete: False if there were more of them than were read.
    """

    resource: Resource
    nodes: tuple[BatchNode, ...]
    is_complete: bool = True
