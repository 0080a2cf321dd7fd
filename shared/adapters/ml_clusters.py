"""Azure ML compute clusters, through the resource manager.

azure-ai-ml shows a cluster without its nodes' states and sends it back whole, without what
it never read; so clusters are read, and changed, where nothing is lost.

Source: https://learn.microsoft.com/rest/api/azureml/compute/get (AmlCompute)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.ml_clients import of_type
from shared.core.facts import Resource
from shared.core.ml_jobs import MlCluster
from shared.core.resource_ids import ML_COMPUTE, ResourceId

API_VERSION = "2024-10-01"
_COUNT = "NodeCount"
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


class MlClusters:
    """The part of ``MachineLearning`` that is about compute clusters."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm

    async def cluster(self, compute: str) -> MlCluster | None:
        """Read one compute cluster; None if there is none, or it is no cluster."""
        rid = of_type(compute, ML_COMPUTE)
        document = await self._arm.get(rid.text, api_version=API_VERSION)
        return cluster_fact(document, rid.text) if document is not None else None


def cluster_fact(document: Mapping[str, Any], asked: str) -> MlCluster | None:
    """Read a compute as a cluster; None if it is none."""
    properties = document.get("properties") or {}
    if str(properties.get("computeType") or "").casefold() != "amlcompute":
        return None
    inner = properties.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    rid = ResourceId.parse(asked)
    return MlCluster(
        resource=Resource(
            id=rid.text,
            type=ML_COMPUTE,
            name=rid.name,
            location=str(document.get("location") or ""),
            tags={str(k): str(v) for k, v in (document.get("tags") or {}).items()},
            size=str(inner.get("vmSize") or ""),
            pool=rid.parent,
            pool_size=_whole(inner.get("currentNodeCount")),
        ),
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


def span_of(value: Any) -> timedelta | None:
    """Read an ISO 8601 duration (``PT120S``, ``P1DT2H``); None if it is none."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
