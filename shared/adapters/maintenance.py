"""Maintenance notices through the resource manager.

One POST with azure-core: the client library that has the call is a preview, and costs a
cold start more than the call.

Source: https://learn.microsoft.com/cli/azure/maintenance/scheduledevents (acknowledge),
azure-mgmt-maintenance 2.2.0b4 ``scheduled_events.acknowledge`` (path and version).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.errors import InvalidTarget
from shared.core.resource_ids import SCALE_SET, VM, ResourceId

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader

API_VERSION = "2025-10-01-preview"
_OWNERS = frozenset({VM, SCALE_SET, "microsoft.compute/availabilitysets"})


class AzureMaintenance:
    """Implements ``shared.ports.Maintenance``."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm

    async def acknowledge(self, owner: str, event_id: str) -> None:
        """Say that a notice may begin; 200 is the service's word that it took it."""
        try:
            found = ResourceId.parse(owner)
        except ValueError as exc:
            raise InvalidTarget(f"acknowledging {event_id}: {exc}") from exc
        if found.type not in _OWNERS:
            raise InvalidTarget(
                f"acknowledging {event_id}: {owner} is no VM, scale set or availability set"
            )
        notice = f"{found.text}/providers/Microsoft.Maintenance/scheduledevents/{event_id}"
        await self._arm.post(f"{notice}/acknowledge", api_version=API_VERSION)
