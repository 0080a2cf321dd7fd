"""Update Manager through the resource manager: a GET, two POSTs, and Resource Graph.

The actions answer 202 and go on for minutes or hours. They are not followed by their
operation: the machine's own record says how they ended, whoever asked.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/install-patches,
https://learn.microsoft.com/rest/api/compute/virtual-machines/assess-patches,
https://learn.microsoft.com/rest/api/hybridcompute/machines/install-patches,
https://learn.microsoft.com/rest/api/hybridcompute/machines/assess-patches
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shared.core.errors import InvalidTarget
from shared.core.patches import ARC_MACHINE, PatchFacts, facts_of_arc, facts_of_vm
from shared.core.resource_ids import VM, ResourceId

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader
    from shared.ports import Estate

_APIS: Mapping[str, str] = MappingProxyType({VM: "2024-07-01", ARC_MACHINE: "2024-07-10"})
_NAMES = {
    VM: "Microsoft.Compute/virtualMachines",
    ARC_MACHINE: "Microsoft.HybridCompute/machines",
}


class ArmPatching:
    """Implements ``shared.ports.Patching``."""

    def __init__(self, arm: ArmReader, estate: Estate) -> None:
        self._arm = arm
        self._estate = estate

    async def patches(self, machine: str) -> PatchFacts | None:
        """Read a machine and what Update Manager keeps of it."""
        rid = _known(machine)
        query = {"$expand": "instanceView"} if rid.type == VM else {}
        document = await self._arm.get(rid.text, api_version=_APIS[rid.type], query=query)
        if document is None:
            return None
        if rid.type == VM:
            return facts_of_vm(document, rid.text)
        assessments = await self._rows(rid, "patchassessment")
        installations = await self._rows(rid, "patchinstallation")
        return facts_of_arc(document, rid.text, assessments, installations)

    async def assess(self, machine: str) -> None:
        """Ask for an assessment."""
        await self._ask(_known(machine), "assessPatches", None)

    async def install(
        self,
        machine: str,
        *,
        os: str,
        longest: timedelta,
        restart: str,
        classes: Sequence[str],
    ) -> None:
        """Ask for an installation."""
        body = {
            "maximumDuration": f"PT{int(longest / timedelta(minutes=1))}M",
            "rebootSetting": restart,
            f"{os}Parameters": {"classificationsToInclude": list(classes)},
        }
        await self._ask(_known(machine), "installPatches", body)

    async def _ask(self, rid: ResourceId, action: str, body: Mapping[str, Any] | None) -> None:
        await self._arm.change(
            "POST",
            f"{rid.text}/{action}",
            api_version=_APIS[rid.type],
            body=body,
            needs=f"{_NAMES[rid.type]}/{action}/action",
        )

    async def _rows(self, rid: ResourceId, what: str) -> list[Mapping[str, Any]]:
        """Read the rows of one machine; its id was taken apart and holds no quote."""
        query = (
            f"{what}resources | where type =~ '{ARC_MACHINE}/{what}results' "
            f"and id startswith '{rid.text}/' | project id, properties"
        )
        return [row async for row in self._estate.graph(query, subscription=rid.subscription)]


def _known(machine: str) -> ResourceId:
    """Take an id apart; only machines that Update Manager knows are touched.

    Raises:
        InvalidTarget: It is no id, of another kind, or holds a quote.
    """
    try:
        rid = ResourceId.parse(machine)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    if rid.type not in _APIS or "'" in machine or "\\" in machine:
        raise InvalidTarget(f"{machine} is no VM and no Arc server: it is left alone")
    return rid
