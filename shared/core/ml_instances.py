"""Azure ML compute instances: what their documents say, read once for surveys and facts.

A stopped instance is deallocated, and still costs its disk, its address and its balancer.
Whether somebody works on a running one Azure tells only in part: the state ``JobRunning``
is a job's; a notebook's kernel no control plane shows, so a quiet one is known by metrics
alone.

Source: https://learn.microsoft.com/rest/api/azureml/compute/get (ComputeInstance),
https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core.ml_documents import Document, inner_of, object_of, objects_of, span_of
from shared.core.moments import read_moment

RUNNING, JOB_RUNNING, STOPPED = "running", "jobrunning", "stopped"
SETTLED = frozenset({RUNNING, JOB_RUNNING, STOPPED})
BROKEN = frozenset({"createfailed", "setupfailed", "usersetupfailed", "unusable", "unknown"})
"""States in which an instance serves nobody."""
SHORTEST_IDLE, LONGEST_IDLE = timedelta(minutes=15), timedelta(days=3)
"""Source: https://learn.microsoft.com/rest/api/azureml/compute/get (idleTimeBeforeShutdown)"""


@dataclass(frozen=True, slots=True)
class MlSchedule:
    """One start or stop by the clock.

    Attributes:
        action: ``start`` or ``stop``.
        when: The cron expression, or the recurrence in a few words.
        zone: Time zone, as Azure names it.
    """

    action: str
    is_enabled: bool
    when: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class MlInstance:
    """A compute instance, as the resource manager shows it.

    Attributes:
        state: In lower case: ``running``, ``jobrunning``, ``stopped``, ``unusable``, ...
        owner: Whom it is assigned to, or who made it: a name, or an object id.
        idle_shutdown: After how long Azure itself stops it; None if never.
        is_latest_image: None if Azure does not say.
        last_operation: ``start``, ``stop``, ... in lower case.
        applications: What is served from it (Jupyter, RStudio, ...).
    """

    state: str
    owner: str = ""
    idle_shutdown: timedelta | None = None
    schedules: tuple[MlSchedule, ...] = ()
    image: str = ""
    latest_image: str = ""
    is_latest_image: bool | None = None
    last_operation: str = ""
    last_operation_at: datetime | None = None
    last_operation_status: str = ""
    applications: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def stops_by_the_clock(self) -> bool:
        """Tell whether some schedule stops it."""
        return any(one.action == "stop" and one.is_enabled for one in self.schedules)

    @property
    def stopped_since(self) -> datetime | None:
        """Return since when it is stopped, if its last operation was that stop."""
        is_stop = self.state == STOPPED and self.last_operation == "stop"
        return self.last_operation_at if is_stop else None


def instance_of(document: Document) -> MlInstance:
    """Read a compute instance's document."""
    inner = inner_of(document)
    image = object_of(inner.get("osImageMetadata"))
    operation = object_of(inner.get("lastOperation"))
    latest = image.get("isLatestOsImageVersion")
    return MlInstance(
        state=str(inner.get("state") or "").casefold(),
        owner=_owner(inner),
        idle_shutdown=span_of(inner.get("idleTimeBeforeShutdown")),
        schedules=tuple(_schedules(object_of(inner.get("schedules")).get("computeStartStop"))),
        image=str(image.get("currentImageVersion") or ""),
        latest_image=str(image.get("latestImageVersion") or ""),
        is_latest_image=latest if isinstance(latest, bool) else None,
        last_operation=str(operation.get("operationName") or "").casefold(),
        last_operation_at=_moment(operation.get("operationTime")),
        last_operation_status=str(operation.get("operationStatus") or ""),
        applications=tuple(
            str(one.get("displayName") or "") for one in objects_of(inner.get("applications"))
        ),
        errors=tuple(
            str(object_of(one.get("error")).get("code") or "")
            for one in objects_of(inner.get("errors"))
        ),
    )


def _owner(inner: Document) -> str:
    """Name the person: whom it was made for goes before who made it."""
    personal = object_of(inner.get("personalComputeInstanceSettings"))
    assigned = str(object_of(personal.get("assignedUser")).get("objectId") or "")
    made = object_of(inner.get("createdBy"))
    name = str(made.get("userName") or "")
    maker = str(made.get("userId") or "")
    return name if name and assigned in {"", maker} else assigned or name or maker


def _schedules(value: Any) -> Iterable[MlSchedule]:
    for one in objects_of(value):
        cron, recurrence = object_of(one.get("cron")), object_of(one.get("recurrence"))
        yield MlSchedule(
            action=str(one.get("action") or "").casefold(),
            is_enabled=str(one.get("status") or "").casefold() == "enabled",
            when=str(cron.get("expression") or "") or _words_of(recurrence),
            zone=str(cron.get("timeZone") or recurrence.get("timeZone") or ""),
        )


def _words_of(recurrence: Document) -> str:
    """Write a recurrence in a few words: ``every 1 day at 18:30``."""
    if not recurrence:
        return ""
    at = object_of(recurrence.get("schedule"))
    hours, minutes = at.get("hours") or [], at.get("minutes") or [0]
    times = ", ".join(f"{h:02}:{m:02}" for h in hours for m in minutes)
    every = f"every {recurrence.get('interval', 1)} {recurrence.get('frequency', '?')}"
    return f"{every.casefold()} at {times}" if times else every.casefold()


def _moment(value: Any) -> datetime | None:
    try:
        return read_moment(value) if isinstance(value, str) else None
    except ValueError:
        return None
