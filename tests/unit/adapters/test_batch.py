"""Batch tasks read from the Batch service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.batch import failed_task, task_state

ENDED = {"exitCode": 7, "result": "failure", "endTime": "2030-01-01T10:00:00Z"}


def task(state: str = "completed", **info: Any) -> dict[str, Any]:
    return {"id": "t", "state": state, "executionInfo": info}


def test_all_that_reactivation_erases_is_kept() -> None:
    """What is not here is gone for good after the reactivation."""
    info = {
        **ENDED,
        "startTime": "2030-01-01T09:00:00Z",
        "failureInfo": {"category": "usererror", "code": "FailureExitCode"},
        "containerInfo": {"containerId": "c"},
        "retryCount": 2,
        "lastRetryTime": "2030-01-01T09:30:00Z",
        "requeueCount": 1,
        "lastRequeueTime": "2030-01-01T09:40:00Z",
    }
    document = {**task(**info), "nodeInfo": {"nodeId": "n"}}
    state = task_state(document)
    assert {**info, "nodeInfo": {"nodeId": "n"}} == state.exit_info
    assert datetime(2030, 1, 1, 10, tzinfo=UTC) == state.ended_at


@pytest.mark.parametrize(
    ("document", "has_failed"),
    [
        (task(**ENDED), True),
        (task(exitCode=0, result="success"), False),
        (task(exitCode=0, result="Success"), False),
        (task(exitCode=1), True),
        (task(failureInfo={"category": "servererror"}), True),
        (task(exitCode=0), False),
        (task("running", retryCount=1, exitCode=1), None),
        (task("active"), None),
    ],
)
def test_failure_is_what_the_service_says_of_a_completed_task(
    document: dict[str, Any], has_failed: bool | None
) -> None:
    """A task that runs again after a failed try has not failed."""
    assert has_failed is task_state(document).has_failed


def test_a_task_that_did_not_fail_is_no_failed_task() -> None:
    """Whatever a list's filter lets through, a success is never reactivated."""
    assert failed_task("j", task(exitCode=0, result="success")) is None
    found = failed_task("j", task(**ENDED, failureInfo={"category": "UserError"}))
    assert found is not None
    assert ("j", "t", 7, "usererror") == (found.job, found.id, found.exit_code, found.category)
