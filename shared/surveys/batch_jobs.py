"""Batch jobs that are still open though their tasks are all done.

Jobs are in the account's own endpoint, not in the resource manager: each active one is read
with the numbers of its tasks.

Source: https://learn.microsoft.com/azure/batch/batch-quota-limit (active jobs),
https://learn.microsoft.com/rest/api/batchservice/jobs/get-job-task-counts
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.batch_jobs import BatchJob
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

ACCOUNTS = "/subscriptions/{subscription}/providers/Microsoft.Batch/batchAccounts"
GUIDANCE = "https://learn.microsoft.com/azure/batch/batch-quota-limit"


def keep(document: Mapping[str, Any]) -> Kept | None:
    """Keep jobs whose tasks are all done; Batch closes those that close themselves."""
    job = document["job"]
    if not job.is_all_done or job.ends_itself:
        return None
    return kept(document, job=job)


def look(seen: Seen, _now: datetime) -> Iterable[Finding]:
    """Name each such job, and apart those of which tasks failed."""
    for item in seen.items["jobs"]:
        job: BatchJob = item.more["job"]
        name = "job_done_with_failures" if job.failed else "job_all_done"
        yield Finding(
            target=job.target,
            name=name,
            severity=Severity.INFORMATIONAL,
            evidence=(
                f"it is open though all of its {job.ended} tasks have ended, "
                f"{job.failed} of them in failure"
            ),
            guidance=GUIDANCE,
            fixed_by="close_done_job",
            attributes={"tasks": job.ended, "failed": job.failed},
        )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_ACCOUNT = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_DONE = BatchJob(_ACCOUNT, "frames", "active", unfinished=0, succeeded=40)


def _seen(job: BatchJob) -> Seen:
    found = keep({"id": job.target, "job": job})
    return Seen(_SUBSCRIPTION, {"jobs": [found] if found else []})


SURVEY = Survey(
    name="batch_jobs",
    summary="Batch jobs that are open though their tasks are all done.",
    says=SignalType.BATCH_FOUND,
    every=timedelta(hours=1),
    reads={
        "accounts": Listing(path=ACCOUNTS, api_version="2024-07-01", keep=kept),
        "jobs": Listing(batch="jobs", of="accounts", keep=keep),
    },
    actions=("Microsoft.Batch/batchAccounts/read",),
    look=look,
    examples=(
        SurveyExample("its forty tasks are done", _seen(_DONE), _NOW, ("job_all_done",)),
        SurveyExample(
            "three of them failed",
            _seen(replace(_DONE, succeeded=37, failed=3)),
            _NOW,
            ("job_done_with_failures",),
        ),
        SurveyExample("a task waits", _seen(replace(_DONE, unfinished=1)), _NOW, ()),
        SurveyExample("it has had no task yet", _seen(replace(_DONE, succeeded=0)), _NOW, ()),
        SurveyExample("it closes itself", _seen(replace(_DONE, ends_itself=True)), _NOW, ()),
    ),
)
