"""Documents of Azure ML computes, as the resource manager writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.core.ml_clusters import cluster_of
from shared.core.ml_instances import MlSchedule, instance_of
from shared.core.ml_jobs import BadDeclaration, attempts_allowed
from tests import builders as make

ADA, BEN = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


def instance(**inner):
    properties = {"computeType": "ComputeInstance", "properties": inner}
    return instance_of({"id": make.COMPUTE, "properties": properties})


@pytest.mark.parametrize(
    ("inner", "owner"),
    [
        ({"createdBy": {"userName": "Ada", "userId": ADA}}, "Ada"),
        (
            {
                "createdBy": {"userName": "Ada", "userId": ADA},
                "personalComputeInstanceSettings": {"assignedUser": {"objectId": BEN}},
            },
            BEN,
        ),
        (
            {
                "createdBy": {"userName": "Ada", "userId": ADA},
                "personalComputeInstanceSettings": {"assignedUser": {"objectId": ADA}},
            },
            "Ada",
        ),
        ({}, ""),
    ],
)
def test_an_owner_is_whom_it_was_made_for_before_who_made_it(inner, owner):
    """An administrator makes instances for others: those must be told."""
    assert owner == instance(**inner).owner


def test_schedules_are_read_in_both_of_their_forms():
    """Cron as it stands; a recurrence in a few words."""
    recurrence = {
        "frequency": "Day",
        "interval": 1,
        "timeZone": "UTC",
        "schedule": {"hours": [18, 19], "minutes": [30]},
    }
    cron = {"expression": "0 7 * * 1-5", "timeZone": "UTC"}
    found = instance(
        schedules={
            "computeStartStop": [
                {"action": "Stop", "status": "Enabled", "recurrence": recurrence},
                {"action": "Start", "status": "Disabled", "cron": cron},
            ]
        }
    )
    assert (
        MlSchedule("stop", is_enabled=True, when="every 1 day at 18:30, 19:30", zone="UTC"),
        MlSchedule("start", is_enabled=False, when="0 7 * * 1-5", zone="UTC"),
    ) == found.schedules
    assert found.stops_by_the_clock


def test_a_stop_is_dated_by_the_last_operation_only():
    """One that was stopped and then failed to start is not known to be stopped since."""
    at = "2030-01-01T18:00:00Z"
    stop = {"operationName": "Stop", "operationTime": at}
    start = {**stop, "operationName": "Start", "operationStatus": "StartFailed"}
    moment = datetime(2030, 1, 1, 18, tzinfo=UTC)
    assert moment == instance(state="Stopped", lastOperation=stop).stopped_since
    assert instance(state="Stopped", lastOperation=start).stopped_since is None
    assert instance(state="Running", lastOperation=stop).stopped_since is None


def test_a_cluster_without_counts_is_not_known_to_be_empty():
    """Not told is not none."""
    scale = {"minNodeCount": 1, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT120S"}
    inner = {"vmPriority": "Dedicated", "scaleSettings": scale}
    found = cluster_of({"properties": {"properties": inner}}, make.COMPUTE)
    assert (1, 4, timedelta(minutes=2), None) == (
        found.least,
        found.most,
        found.idle_before_scale_down,
        found.nodes,
    )
    assert not found.is_all_preempted


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        (None, None),
        ("true", 3),
        (" Yes ", 3),
        ("2", 2),
        ("9", 3),
        ("0", 0),
        ("off", 0),
        ("", 0),
    ],
)
def test_a_job_says_in_its_tag_how_often_it_may_run_again(said, allowed):
    """As often as the rule lets it, and no more than it says."""
    tags = {} if said is None else {"Nightshift-Resumable": said}
    assert allowed == attempts_allowed(tags, "nightshift-resumable", 3)


@pytest.mark.parametrize("said", ["sometimes", "-1", "1.5", "²"])
def test_what_a_tag_says_that_nobody_can_read_is_an_error(said):
    """Nothing is acted on that could not be read."""
    with pytest.raises(BadDeclaration, match="true, false or a number"):
        attempts_allowed({"nightshift-resumable": said}, "nightshift-resumable", 3)
