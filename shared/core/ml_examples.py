"""The Azure ML compute that examples of remediations are about: one workspace, one night.

Only catalogue and tests read it; it is written once so that all tell of the same instance.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.core.example_signals import found_by
from shared.core.facts import MlInstanceFacts, Resource, Utilisation
from shared.core.ml_instances import MlInstance
from shared.core.resource_ids import ML_COMPUTE
from shared.core.signals import SignalType

NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
ID = f"{WORKSPACE}/computes/ada"
RESOURCE = Resource(ID, ML_COMPUTE, "ada", size="Standard_DS3_v2", pool=WORKSPACE)
FOUND = found_by("compute_instances", SignalType.AML_INSTANCE_FOUND, ID, NOW)

QUIET = Utilisation(timedelta(hours=2), 0.01, None, 900.0, 24, 24)
UNUSED = MlInstanceFacts(
    RESOURCE, MlInstance("running"), jobs=(), utilisation=QUIET, disk_free_mb=40_000.0
)
"""It runs, nobody uses it, and its disk has room."""

STOPPED_AT = datetime(2029, 12, 1, 18, tzinfo=UTC)
LEFT_STOPPED = MlInstance(
    "stopped", owner="Ada", last_operation="stop", last_operation_at=STOPPED_AT
)


def in_state(state: str) -> MlInstanceFacts:
    """Return facts of which only the state is known."""
    return MlInstanceFacts(RESOURCE, MlInstance(state))
