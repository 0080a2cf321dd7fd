"""What is done in Azure ML workspaces, and read of them: the operations.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning,
https://learn.microsoft.com/azure/role-based-access-control/permissions/monitor
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.operation_names import LOCKS, ML_COMPUTE, ML_STATUS, WORKSPACE, Operations
from shared.core.steps import Verb

_ML_JOB = f"{WORKSPACE}/jobs"
_ENDPOINT = f"{WORKSPACE}/onlineEndpoints"


def _power_of_compute(word: str) -> Operations:
    """Name what a power operation of a compute instance needs.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance
    (actions that can be controlled by Azure RBAC)
    """
    return Operations((f"{ML_COMPUTE}/read", f"{ML_COMPUTE}/{word}/action", ML_STATUS, LOCKS))


_READ_JOB = Operations(
    (
        f"{WORKSPACE}/read",
        f"{_ML_JOB}/read",
        "Microsoft.MachineLearningServices/workspaces/experiments/runs/read",
    )
)
"""The run history, which tells why a job ended, is asked by the workspace's own address."""

_READ_ENDPOINT = (f"{_ENDPOINT}/read", f"{_ENDPOINT}/deployments/read", LOCKS)

VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.JOB_WATCH: _READ_JOB,
        Verb.JOB_RESUBMIT: Operations((*_READ_JOB.actions, f"{_ML_JOB}/write", LOCKS)),
        Verb.ML_SHOW: Operations((f"{ML_COMPUTE}/read",)),
        Verb.ML_START: _power_of_compute("start"),
        Verb.ML_RESTART: _power_of_compute("restart"),
        Verb.ML_DELETE: Operations(
            (f"{ML_COMPUTE}/read", f"{ML_COMPUTE}/delete", ML_STATUS, LOCKS),
        ),
        Verb.ML_MARK: Operations(
            (f"{ML_COMPUTE}/read", "Microsoft.Resources/tags/write", LOCKS)
        ),
        Verb.ML_IDLE_TIME: Operations(
            (f"{ML_COMPUTE}/read", f"{ML_COMPUTE}/updateIdleShutdownSetting/action", LOCKS)
        ),
        Verb.ML_SCHEDULES: Operations(
            (f"{ML_COMPUTE}/read", f"{ML_COMPUTE}/updateSchedules/action", LOCKS)
        ),
        Verb.ML_SCALE: Operations((f"{ML_COMPUTE}/read", f"{ML_COMPUTE}/write", LOCKS)),
        Verb.ENDPOINT_GATE: Operations(
            (*_READ_ENDPOINT, f"{_ENDPOINT}/write", "Microsoft.Insights/metrics/read")
        ),
        Verb.ENDPOINT_TRAFFIC: Operations((*_READ_ENDPOINT, f"{_ENDPOINT}/write")),
    }
)

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.ML_JOB: Operations((*_READ_JOB.actions, f"{ML_COMPUTE}/read", LOCKS)),
        FactsKind.ML_INSTANCE: Operations(
            (f"{ML_COMPUTE}/read", f"{_ML_JOB}/read", "Microsoft.Insights/metrics/read", LOCKS)
        ),
        FactsKind.ENDPOINT: Operations(_READ_ENDPOINT),
        FactsKind.ML_CLUSTER: Operations((f"{ML_COMPUTE}/read", LOCKS)),
    }
)
