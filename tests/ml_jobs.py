"""Azure ML jobs and clusters for tests: one valid value of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.core.facts import Resource
from shared.core.ml_clusters import MlCluster
from shared.core.ml_jobs import MlJob
from shared.core.resource_ids import ML_COMPUTE
from shared.core.signals import Signal, SignalType
from tests import builders as make
from tests.shift import Shift

SPOT = f"{make.WORKSPACE}/computes/spot"
JOB = f"{make.WORKSPACE}/jobs/owl"
RESUMABLE = {"nightshift-resumable": "true"}
TAKEN = {"preempted": 4, "idle": 0, "running": 0}


def a_job(**fields: Any) -> MlJob:
    """Make a job that was cancelled two minutes ago and says that it can resume."""
    values: dict[str, Any] = {
        "name": "owl",
        "kind": "command",
        "status": "Canceled",
        "compute": SPOT,
        "tags": RESUMABLE,
        "ended_at": make.NOW - timedelta(minutes=2),
    }
    return MlJob(**{**values, **fields})


def a_cluster(nodes: Mapping[str, int] | None = None, **fields: Any) -> MlCluster:
    """Make a low-priority cluster whose every node was taken away."""
    resource = Resource(SPOT, ML_COMPUTE, "spot", "westeurope", pool=make.WORKSPACE)
    values = {"is_low_priority": True, "least": 0, "most": 4}
    return MlCluster(resource, nodes=TAKEN if nodes is None else nodes, **{**values, **fields})


def a_change(status: str = "Canceled", **fields: Any) -> Signal:
    """Make the event that says that the job's run has another status."""
    values: dict[str, Any] = {
        "type": SignalType.AML_RUN_CHANGED,
        "event_id": "e-1",
        "source": "machine_learning",
        "target": JOB,
        "observed_at": make.NOW,
        "attributes": {"run_status": status, "run_id": "owl"},
    }
    return Signal(**{**values, **fields})


def a_shift(*rules: Any, job: MlJob | None = None, cluster: MlCluster | None = None) -> Shift:
    """Begin a night with a workspace, a job and its cluster."""
    shift = Shift.begin(*(rules or [make.a_rule("resubmit_job")]))
    with_preempted_job(shift, job, cluster)
    return shift


def with_preempted_job(
    shift: Shift, job: MlJob | None = None, cluster: MlCluster | None = None
) -> None:
    """Put a job and its cluster into the world."""
    world = shift.world
    world.resources.add(make.a_resource(JOB))
    world.machine_learning.add_job(make.WORKSPACE, job or a_job())
    world.machine_learning.add_cluster(cluster or a_cluster())
