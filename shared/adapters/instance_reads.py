"""Instances of scale sets, read one by one, or all from one list when many are lost at once.

The resource manager lets a subscription read 250 resources at once and 25 more a second:
five hundred notices would wait ten seconds for their tags alone.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.recent import Recent
from shared.core.resource_ids import ResourceId

Json = Mapping[str, Any]
ALONE_AT_MOST = 8
_LIST_FOR = timedelta(seconds=5)
_SCALE_SETS = 50


class InstanceReads:
    """Reads of instances, which share a list while more than a few are under way."""

    def __init__(self, arm: ArmReader, api_version: str) -> None:
        self._arm = arm
        self._version = api_version
        self._alone: Counter[str] = Counter()
        self._lists: Recent[Mapping[str, Json]] = Recent(ttl=_LIST_FOR, limit=_SCALE_SETS)

    async def read(self, rid: ResourceId) -> Json | None:
        """Read an instance, None if there is none; one that no list shows by itself."""
        scale_set = rid.parent
        key = scale_set.casefold()
        if self._alone[key] >= ALONE_AT_MOST:
            listed = await self._lists.get(key, lambda: self._list(scale_set))
            if rid.key in listed:
                return listed[rid.key]
        self._alone[key] += 1
        try:
            return await self._arm.get(rid.text, api_version=self._version)
        finally:
            self._alone[key] -= 1
            if not self._alone[key]:
                del self._alone[key]

    async def _list(self, scale_set: str) -> Mapping[str, Json]:
        path = f"{scale_set}/virtualMachines"
        return {
            ResourceId.parse(str(one["id"])).key: one
            async for one in self._arm.pages(path, api_version=self._version)
        }
