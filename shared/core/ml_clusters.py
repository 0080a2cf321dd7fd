"""Azure ML compute clusters: what they are set to, and what their nodes do. Pure.

Source: https://learn.microsoft.com/rest/api/azureml/compute/get (AmlCompute)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.core.ml_documents import Document, inner_of, object_of, resource_of, span_of
from shared.core.resources import Resource

_COUNT = "NodeCount"


@dataclass(frozen=True, slots=True)
class MlCluster:
    """A compute cluster of an Azure ML workspace, as it is now.

    Attributes:
        is_low_priority: Whether its machines may be taken away.
        nodes: How many nodes are in each state (``idle``, ``running``, ``preempted``, ...);
            None if the service does not say.
        idle_before_scale_down: How long a node stays after its last job; None if not told.
    """

    resource: Resource
    is_low_priority: bool
    least: int
    most: int
    nodes: Mapping[str, int] | None = None
    idle_before_scale_down: timedelta | None = None
    state: str = ""

    @property
    def is_all_preempted(self) -> bool:
        """Tell whether nodes were taken away and none is left."""
        counts = self.nodes or {}
        left = sum(counts.get(one, 0) for one in ("idle", "running", "preparing", "leaving"))
        return counts.get("preempted", 0) > 0 and left == 0


def cluster_of(document: Document, asked: str) -> MlCluster:
    """Read a compute cluster's document."""
    inner = inner_of(document)
    scale = object_of(inner.get("scaleSettings"))
    size = _whole(inner.get("currentNodeCount"))
    return MlCluster(
        resource=replace(resource_of(document, asked), pool_size=size),
        is_low_priority=str(inner.get("vmPriority") or "").casefold() == "lowpriority",
        least=_whole(scale.get("minNodeCount")) or 0,
        most=_whole(scale.get("maxNodeCount")) or 0,
        nodes=_counts(inner.get("nodeStateCounts")),
        idle_before_scale_down=span_of(scale.get("nodeIdleTimeBeforeScaleDown")),
        state=str(inner.get("allocationState") or "").casefold(),
    )


def _counts(value: Any) -> Mapping[str, int] | None:
    """Read ``{"idleNodeCount": 1}`` as ``{"idle": 1}``; None if it is not told."""
    if not isinstance(value, Mapping):
        return None
    return {
        str(name).removesuffix(_COUNT).casefold(): count
        for name, count in value.items()
        if type(count) is int
    }


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
