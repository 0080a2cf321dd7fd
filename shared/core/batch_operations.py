"""What is done in Azure Batch, and read of it: the operations.

Source: https://learn.microsoft.com/azure/batch/batch-role-based-access-control
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.operation_names import BATCH, INSTANCE, SET, VM, Operations
from shared.core.steps import Verb

_READ_BATCH_NODE = Operations((f"{BATCH}/read", f"{BATCH}/pools/read"))
_CHANGE_BATCH_NODE = Operations((*_READ_BATCH_NODE.actions, f"{BATCH}/pools/write"))
"""Batch's data plane asks for actions of the control plane where pools are meant."""

VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.SAVE_EXIT_INFO: Operations((f"{BATCH}/read",), (f"{BATCH}/jobs/read",)),
        Verb.REACTIVATE: Operations(
            (f"{BATCH}/read",), (f"{BATCH}/jobs/read", f"{BATCH}/jobs/write")
        ),
        Verb.BATCH_DISABLE: _CHANGE_BATCH_NODE,
        Verb.BATCH_ENABLE: _CHANGE_BATCH_NODE,
        Verb.BATCH_IDLE: _READ_BATCH_NODE,
        Verb.BATCH_REBOOT: _CHANGE_BATCH_NODE,
        Verb.BATCH_REIMAGE: _CHANGE_BATCH_NODE,
        Verb.BATCH_REPLACE: _CHANGE_BATCH_NODE,
        Verb.BATCH_REST_POOL: Operations(_CHANGE_BATCH_NODE.actions, (f"{BATCH}/jobs/read",)),
        Verb.BATCH_CLOSE_JOB: Operations(
            (f"{BATCH}/read",), (f"{BATCH}/jobs/read", f"{BATCH}/jobs/write")
        ),
    }
)

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.FAILED_TASKS: Operations((f"{BATCH}/read",), (f"{BATCH}/jobs/read",)),
        FactsKind.BATCH_NODE: Operations(
            (f"{VM}/read", f"{SET}/read", f"{INSTANCE}/read", *_READ_BATCH_NODE.actions)
        ),
        FactsKind.BATCH_NODES: _READ_BATCH_NODE,
        FactsKind.BATCH_POOL: Operations(_READ_BATCH_NODE.actions, (f"{BATCH}/jobs/read",)),
        FactsKind.BATCH_JOB: Operations((f"{BATCH}/read",), (f"{BATCH}/jobs/read",)),
    }
)
