"""Settings, tags and jobs of Azure ML compute instances, through the resource manager.

azure-ai-ml has no call for an instance's idle time, its schedules or its tags alone: it
would send the whole instance again, without what it never read.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance
(``updateIdleShutdownSetting``),
https://github.com/Azure/azure-rest-api-specs/blob/main/specification/machinelearningservices/resource-manager/Microsoft.MachineLearningServices/preview/2021-03-01-preview/examples/Compute/updateSchedules.json,
https://learn.microsoft.com/rest/api/resources/tags/update-at-scope
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.ml_clients import of_type
from shared.adapters.ml_instances import COMPUTES
from shared.core.ml_documents import API_VERSION, is_instance, object_of, resource_of
from shared.core.ml_instances import MlInstance, instance_of
from shared.core.ml_jobs import ENDED
from shared.core.resource_ids import ML_COMPUTE
from shared.core.resources import Resource

SCHEDULES_API = "2021-03-01-preview"
JOBS_API = "2024-10-01"
TAGS_API = "2021-04-01"
JOBS_AT_MOST = 300


class MlSettings:
    """The part of ``MachineLearning`` that is about what an instance is set to."""

    def __init__(self, arm: ArmReader) -> None:
        self._settings_by = arm

    async def compute_instance(self, compute: str) -> tuple[Resource, MlInstance] | None:
        """Read one compute instance; None if there is none, or it is a cluster."""
        rid = of_type(compute, ML_COMPUTE)
        document = await self._settings_by.get(rid.text, api_version=API_VERSION)
        if document is None or not is_instance(document):
            return None
        return resource_of(document, rid.text), instance_of(document)

    async def active_jobs(self, compute: str) -> tuple[str, ...]:
        """Name the jobs on a compute that have not ended, of the newest of its workspace."""
        rid = of_type(compute, ML_COMPUTE)
        found: list[str] = []
        seen = 0
        jobs = self._settings_by.pages(
            f"{rid.parent}/jobs", api_version=JOBS_API, query={"listViewType": "ActiveOnly"}
        )
        async for job in jobs:
            said = object_of(job.get("properties"))
            is_here = str(said.get("computeId") or "").casefold() == rid.key
            if is_here and str(said.get("status") or "").casefold() not in ENDED:
                found.append(str(job.get("name") or ""))
            seen += 1
            if seen >= JOBS_AT_MOST:
                break
        return tuple(found)

    async def set_idle_shutdown(self, compute: str, idle: timedelta) -> None:
        """Let Azure stop an instance after so long without use."""
        rid = of_type(compute, ML_COMPUTE)
        minutes = int(idle.total_seconds() // 60)
        await self._settings_by.change(
            "POST",
            f"{rid.text}/updateIdleShutdownSetting",
            api_version=API_VERSION,
            body={"idleTimeBeforeShutdown": f"PT{minutes}M"},
            needs=f"{COMPUTES}/updateIdleShutdownSetting/action",
        )

    async def set_schedules(
        self, compute: str, schedules: Sequence[Mapping[str, Any]]
    ) -> None:
        """Replace an instance's schedules; documents as the service writes them."""
        rid = of_type(compute, ML_COMPUTE)
        await self._settings_by.change(
            "POST",
            f"{rid.text}/updateSchedules",
            api_version=SCHEDULES_API,
            body={"computeStartStop": list(schedules)},
            needs=f"{COMPUTES}/updateSchedules/action",
        )

    async def tag(self, compute: str, tags: Mapping[str, str]) -> None:
        """Add tags to a compute; the others stay."""
        rid = of_type(compute, ML_COMPUTE)
        await self._settings_by.change(
            "PATCH",
            f"{rid.text}/providers/Microsoft.Resources/tags/default",
            api_version=TAGS_API,
            body={"operation": "Merge", "properties": {"tags": dict(tags)}},
            needs="Microsoft.Resources/tags/write",
        )
