"""Leftovers through the resource manager: a GET, a merge of one tag, a DELETE.

Four providers' clients would be imported for three calls that are the same for all of
them. The tag goes through the tags resource, which merges one tag and leaves the others,
whoever writes them at the same time.

Source: https://learn.microsoft.com/rest/api/resources/tags/update-at-scope
Source: https://learn.microsoft.com/rest/api/compute/disks/delete
Source: https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/delete
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.adapters.snapshots import in_group
from shared.core.errors import InvalidTarget
from shared.core.facts import resource_from_arm
from shared.core.leftovers import KINDS, MARK_TAG, NIC, PUBLIC_IP, LeftoverFacts, facts_of
from shared.core.old_snapshots import snapshot_leftover
from shared.core.resource_ids import DISK, SCALE_SET, SNAPSHOT, ResourceId, is_a
from shared.core.snapshots import read_snapshot

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader, Json

TAGS_API = "2021-04-01"
_APIS: Mapping[str, str] = MappingProxyType(
    {
        DISK: "2024-03-02",
        NIC: "2024-05-01",
        PUBLIC_IP: "2024-05-01",
        SCALE_SET: "2024-07-01",
        SNAPSHOT: "2024-03-02",
    }
)


class ArmLeftovers:
    """Implements ``shared.ports.Leftovers``."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm

    async def leftover(self, resource_id: str) -> LeftoverFacts | None:
        """Read one resource and judge whether it is left over."""
        rid = _known(resource_id)
        document = await self._arm.get(rid.text, api_version=_APIS[rid.type])
        if document is None:
            return None
        if rid.type == SNAPSHOT:
            return await self._snapshot(document, rid)
        return facts_of(resource_from_arm(document, rid.text), document)

    async def _snapshot(self, document: Json, rid: ResourceId) -> LeftoverFacts:
        """Judge a snapshot by the others of its group, read now, and by its disk."""
        try:
            source = read_snapshot(document).source
        except (ValueError, TypeError) as odd:
            raise InvalidTarget(f"reading {rid.text}: {odd}") from odd
        others = await in_group(self._arm, rid.parent)
        is_gone = is_a(source, DISK) and (
            await self._arm.get(source, api_version=_APIS[DISK]) is None
        )
        return snapshot_leftover(document, others, is_disk_gone=is_gone)

    async def mark(self, resource_id: str, *, remove_after: str) -> None:
        """Merge our tag, or delete it by its name."""
        rid = _known(resource_id)
        operation = "Merge" if remove_after else "Delete"
        tags = {"tags": {MARK_TAG: remove_after}}
        await self._arm.change(
            "PATCH",
            f"{rid.text}/providers/Microsoft.Resources/tags/default",
            api_version=TAGS_API,
            body={"operation": operation, "properties": tags},
            needs="Microsoft.Resources/tags/write",
        )

    async def remove(self, resource_id: str) -> None:
        """Ask for deletion; whether it went is seen by the next read."""
        rid = _known(resource_id)
        try:
            await self._arm.change(
                "DELETE",
                rid.text,
                api_version=_APIS[rid.type],
                body=None,
                needs=f"{rid.type}/delete",
            )
        except InvalidTarget:
            if await self.leftover(resource_id) is not None:
                raise


def _known(resource_id: str) -> ResourceId:
    """Take an id apart; only kinds that can be left over are touched.

    Raises:
        InvalidTarget: It is no id, or of another kind.
    """
    try:
        rid = ResourceId.parse(resource_id)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    if rid.type not in KINDS:
        raise InvalidTarget(f"{resource_id} is no {', '.join(KINDS)}: it is left alone")
    return rid
