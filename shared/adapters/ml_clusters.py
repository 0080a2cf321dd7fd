"""Azure ML compute clusters, through the resource manager.

azure-ai-ml shows a cluster without its nodes' states and sends it back whole, without what
it never read; so clusters are read, and changed, where nothing is lost.

Source: https://learn.microsoft.com/rest/api/azureml/compute (get, update)
"""

from __future__ import annotations

from datetime import timedelta

from shared.adapters.arm import ArmReader
from shared.adapters.ml_clients import of_type
from shared.adapters.ml_instances import COMPUTES
from shared.core.ml_clusters import MlCluster, cluster_of
from shared.core.ml_documents import API_VERSION, is_cluster
from shared.core.resource_ids import ML_COMPUTE


class MlClusters:
    """The part of ``MachineLearning`` that is about compute clusters."""

    def __init__(self, arm: ArmReader) -> None:
        self._clusters_by = arm

    async def cluster(self, compute: str) -> MlCluster | None:
        """Read one compute cluster; None if there is none, or it is no cluster."""
        rid = of_type(compute, ML_COMPUTE)
        document = await self._clusters_by.get(rid.text, api_version=API_VERSION)
        if document is None or not is_cluster(document):
            return None
        return cluster_of(document, rid.text)

    async def scale(self, compute: str, *, least: int, most: int, idle: timedelta) -> None:
        """Set how few and how many nodes there are, and how long one stays unused."""
        rid = of_type(compute, ML_COMPUTE)
        scale = {
            "minNodeCount": least,
            "maxNodeCount": most,
            "nodeIdleTimeBeforeScaleDown": f"PT{int(idle.total_seconds())}S",
        }
        await self._clusters_by.change(
            "PATCH",
            rid.text,
            api_version=API_VERSION,
            body={"properties": {"properties": {"scaleSettings": scale}}},
            needs=f"{COMPUTES}/write",
        )
