"""Pools of Azure Batch: what they are set to, and whether their nodes do anything. Pure.

Source: https://learn.microsoft.com/rest/api/batchservice/pools/get,
https://learn.microsoft.com/azure/batch/batch-automatic-scaling
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.resources import Resource

FORMULA_LABEL = "nightshift-autoscale"
"""Name of the pool's metadata in which its owner keeps the formula that it is to have."""


@dataclass(frozen=True, slots=True)
class BatchPool:
    """One pool.

    Attributes:
        account: ARM id of the Batch account.
        size: Of its machines, as in ``Standard_NC6``.
        dedicated: How many it is set to have; what a formula last set it to.
        low_priority: The same of spot nodes.
        is_steady: Whether it may be resized now.
        formula: What decides the numbers; empty where they are set by hand.
        labels: Its metadata, which people write; Azure's tags do not reach a pool.
    """

    account: str
    id: str
    size: str
    dedicated: int
    low_priority: int
    is_steady: bool
    formula: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Its ARM id."""
        return f"{self.account}/pools/{self.id}"

    @property
    def nodes(self) -> int:
        """How many nodes it is set to have."""
        return self.dedicated + self.low_priority

    @property
    def declared(self) -> str:
        """The formula that its owner says it is to have."""
        return self.labels.get(FORMULA_LABEL, "").strip()


@dataclass(frozen=True, slots=True)
class BatchPoolFacts:
    """A pool, and what its nodes do.

    Attributes:
        resource: The account's tags with the pool's own labels over them.
        busy: Nodes in any state but idle: they run, start, or cannot be told.
        idle_since: When the last of them became idle; None where one is not, or none is.
        waiting: Tasks that wait or run in active jobs of the pool.
    """

    resource: Resource
    pool: BatchPool
    busy: int
    idle_since: datetime | None
    waiting: int
