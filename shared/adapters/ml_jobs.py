"""Azure ML jobs, by azure-ai-ml: what one is, how its run ended, and once more the same.

Why a run ended only the run history tells. The library has a client for it, which it does
not offer under a public name; a lock file pins the version that has it.

Source: https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.operations.joboperations
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.ml_clients import MlClients, of_type
from shared.core.ml_jobs import MlJob
from shared.core.resource_ids import ML_JOB, ResourceId

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

JOBS = "Microsoft.MachineLearningServices/workspaces/jobs"
SAID_AT_MOST = 1000


class MlJobs:
    """The part of ``MachineLearning`` that is about jobs."""

    def __init__(self, clients: MlClients) -> None:
        self._jobs_by = clients

    async def job(self, job: str) -> MlJob | None:
        """Read one job by its ARM id, with the end that its run's history tells."""
        rid = of_type(job, ML_JOB)

        def reading(client: MLClient) -> MlJob | None:
            from azure.core.exceptions import ResourceNotFoundError

            try:
                found = client.jobs.get(rid.name)
            except ResourceNotFoundError:
                return None
            read = job_fact(found, rid.parent)
            return with_history(read, client) if read.has_ended else read

        return await self._jobs_by.call(
            ResourceId.parse(rid.parent), f"reading {rid.text}", reading, needs=f"{JOBS}/read"
        )

    async def submit_again(self, job: str, *, name: str, tags: Mapping[str, str]) -> None:
        """Submit what a job is under another name, unless there is one of that name."""
        rid = of_type(job, ML_JOB)

        def submitting(client: MLClient) -> None:
            from azure.core.exceptions import ResourceNotFoundError

            try:
                client.jobs.get(name)
            except ResourceNotFoundError:
                _submit(client, rid.name, name, tags)

        await self._jobs_by.call(
            ResourceId.parse(rid.parent),
            f"submitting {rid.text} again as {name}",
            submitting,
            needs=f"{JOBS}/write",
        )


def _submit(client: MLClient, old: str, name: str, tags: Mapping[str, str]) -> None:
    """Send the job as the service gave it, but for its name and tags."""
    again = client.jobs.get(old)
    again.name, again.tags = name, dict(tags)
    client.jobs.create_or_update(again)


def job_fact(job: Any, workspace: str) -> MlJob:
    """Read a job, whatever its type; a compute's bare name is one of the workspace."""
    compute = str(getattr(job, "compute", None) or "")
    if compute and not compute.startswith("/"):
        compute = f"{workspace}/computes/{compute}"
    identity = type(getattr(job, "identity", None)).__name__
    return MlJob(
        name=str(job.name),
        kind=str(job.type or "").casefold(),
        status=str(getattr(job.status, "value", job.status) or ""),
        compute=compute,
        experiment=str(getattr(job, "experiment_name", None) or ""),
        runs_as_user=identity == "UserIdentityConfiguration",
        tags={str(k): str(v) for k, v in (job.tags or {}).items()},
    )


def with_history(job: MlJob, client: MLClient) -> MlJob:
    """Add what the run history says of the end; ``error`` None if it cannot be read."""
    from dataclasses import replace

    from azure.core.exceptions import AzureError

    try:
        run = client.jobs._runs_operations.get_run(job.name)  # noqa: SLF001 - see above
    except (AzureError, OSError):
        return replace(job, error=None)
    return replace(
        job,
        error=_error(run.error),
        canceled_because=str(run.cancelation_reason or "")[:SAID_AT_MOST],
        ended_at=_moment(run.end_time_utc),
    )


def _error(response: Any) -> str:
    """Return code and message of an error, and the codes inside it."""
    error = getattr(response, "error", None)
    if error is None:
        return ""
    codes = [str(error.code or "")]
    inner = error.inner_error
    while inner is not None and len(codes) < 10:  # noqa: PLR2004 - no error is nested deeper
        codes.append(str(inner.code or ""))
        inner = inner.inner_error
    said = " ".join(code for code in codes if code)
    return f"{said}: {error.message or ''}"[:SAID_AT_MOST]


def _moment(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
