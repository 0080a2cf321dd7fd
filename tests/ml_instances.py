"""Azure ML compute instances for tests: a world with one, and what a survey says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.core.facts import Utilisation
from shared.core.ml_instances import MlInstance
from shared.core.ml_marks import DELETE_TAG, Mark, write_mark
from shared.core.signals import Signal, SignalType
from tests import builders as make
from tests.fakes.cloud import FakeMachine
from tests.ml_jobs import SPOT, a_cluster
from tests.shift import Shift

STOPPED_AT = make.NOW - timedelta(days=40)
STOPPED = MlInstance(
    "stopped", owner="Ada", last_operation="stop", last_operation_at=STOPPED_AT
)
DUE = {DELETE_TAG: write_mark(Mark(make.NOW - timedelta(days=1), STOPPED_AT))}
QUIET = Utilisation(
    timedelta(hours=2), cpu=0.01, gpu=0.0, network=900.0, samples=24, expected_samples=24
)
FREE = "DiskAvailMegabytes"


def a_finding(name: str = "stopped", **fields: Any) -> Signal:
    """Make what the survey says of the instance."""
    values: dict[str, Any] = {
        "type": SignalType.AML_INSTANCE_FOUND,
        "event_id": f"survey-compute_instances-20300101T0300-{name}",
        "source": "survey",
        "target": make.COMPUTE,
        "observed_at": make.NOW,
        "attributes": {"finding": name},
        "is_recurring": True,
    }
    return Signal(**{**values, **fields})


def with_instance(
    shift: Shift,
    instance: MlInstance | None = None,
    *,
    power: str = "running",
    free: float | None = 40_000.0,
    use: Utilisation | None = QUIET,
    **tags: str,
) -> FakeMachine:
    """Put a compute instance into the world, quiet and with room unless said otherwise."""
    world = shift.world
    found = replace(make.a_resource(make.COMPUTE, tags=tags), pool=make.WORKSPACE)
    machine = world.machine_learning.add(FakeMachine(found, power=power))
    world.resources.add(found)
    settings = instance or MlInstance("running")
    world.machine_learning.settings[make.COMPUTE.casefold()] = settings
    if use is not None:
        world.metrics.tell(make.COMPUTE, use)
    if free is not None:
        world.metrics.tell_points(make.COMPUTE, FREE, free)
    return machine


def with_stopped(shift: Shift, **tags: str) -> FakeMachine:
    """Put an instance into the world that is stopped for forty days."""
    return with_instance(shift, STOPPED, power="deallocated", **tags)


def with_unusable(shift: Shift) -> FakeMachine:
    """Put an instance into the world that serves nobody."""
    return with_instance(shift, MlInstance("unusable"), power="unusable")


def with_idle_cluster(shift: Shift) -> None:
    """Put a cluster into the world that keeps two idle nodes."""
    shift.world.machine_learning.add_cluster(a_cluster({"idle": 2}, least=2))
    shift.world.resources.add(make.a_resource(SPOT))


def a_cluster_finding() -> Signal:
    """Make what the survey says of that cluster."""
    return a_finding("idle_nodes", type=SignalType.AML_CLUSTER_FOUND, target=SPOT)
