"""Azure ML: compute instances, compute clusters and jobs, as one port."""

from __future__ import annotations

from shared.adapters.arm import ArmReader
from shared.adapters.ml_clients import MlClients
from shared.adapters.ml_clusters import MlClusters
from shared.adapters.ml_instances import MlInstances
from shared.adapters.ml_jobs import MlJobs
from shared.adapters.ml_settings import MlSettings
from shared.core.settings import Settings


class AzureMachineLearning(MlInstances, MlSettings, MlClusters, MlJobs):
    """``MachineLearning`` over azure-ai-ml, and the resource manager where that loses data."""

    def __init__(self, settings: Settings, arm: ArmReader) -> None:
        self._clients = MlClients(settings)
        MlInstances.__init__(self, self._clients)
        MlSettings.__init__(self, arm)
        MlClusters.__init__(self, arm)
        MlJobs.__init__(self, self._clients)

    async def close(self) -> None:
        """Close what the clients hold open."""
        await self._clients.close()
