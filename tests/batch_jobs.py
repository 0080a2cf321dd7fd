"""Batch jobs for tests: one whose tasks are all done, and what a survey says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.signals import Signal, SignalType
from tests.builders import ACCOUNT, NOW
from tests.fakes.batch_accounts import FakeJob, FakeTask
from tests.shift import Shift

LONG_AGO = NOW - timedelta(days=2)


def a_done_task(name: str, *, exit_code: int = 0) -> FakeTask:
    """Make a task that ended two days ago."""
    return FakeTask(name, exit_code, "" if exit_code == 0 else "UserError", LONG_AGO)


def with_done_job(shift: Shift) -> FakeJob:
    """Put an open job into the world whose two tasks ended well."""
    return shift.with_job(a_done_task("one"), a_done_task("two"))


def a_done_job(job: str = "frames", **fields: Any) -> Signal:
    """Make the finding that a job's tasks are all done."""
    values: dict[str, Any] = {
        "type": SignalType.BATCH_FOUND,
        "event_id": "s-1",
        "source": "survey",
        "target": f"{ACCOUNT}/jobs/{job}",
        "observed_at": NOW,
        "attributes": {"finding": "job_all_done"},
    }
    return Signal(**(values | fields))
