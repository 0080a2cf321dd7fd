"""Management locks at a resource and above it, a few seconds old at most.

Each scope is asked by itself, all at once: the resource, what it is nested in, its
resource group, its subscription. So nothing depends on whether a list shows what is
inherited, and a storm on one resource group reads that group's locks once.

Source: https://learn.microsoft.com/rest/api/resources/management-locks/list-by-scope
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.recent import Recent
from shared.core.errors import InvalidTarget
from shared.core.protection import Lock, LockLevel
from shared.core.resource_ids import ResourceId

LOCKS_API = "2020-05-01"
_FRESH = timedelta(seconds=10)
_REMEMBERED = 2_000
_WHERE = "/providers/Microsoft.Authorization/locks"
# Without it a list also holds every lock below: all of them, at a subscription.
_HERE = {"$filter": "atScope()"}


class LockReader:
    """Locks by scope."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm
        self._recent: Recent[tuple[Lock, ...]] = Recent(ttl=_FRESH, limit=_REMEMBERED)

    async def locks(self, rid: ResourceId) -> tuple[Lock, ...]:
        """Read what covers a resource, each lock once."""
        read = await asyncio.gather(*(self._at(scope) for scope in scopes_above(rid)))
        every = (lock for found in read for lock in found)
        return tuple({(lock.scope.casefold(), lock.name): lock for lock in every}.values())

    async def _at(self, scope: str) -> tuple[Lock, ...]:
        return await self._recent.get(scope.casefold(), lambda: self._read(scope))

    async def _read(self, scope: str) -> tuple[Lock, ...]:
        pages = self._arm.pages(f"{scope}{_WHERE}", api_version=LOCKS_API, query=_HERE)
        try:
            return tuple([lock async for one in pages if (lock := lock_of(one))])
        except InvalidTarget:  # a scope that does not exist has no locks
            return ()


def scopes_above(rid: ResourceId) -> Iterator[str]:
    """Yield a resource's id, what it is nested in, its group and its subscription."""
    scope = rid
    while scope.type:
        yield scope.text
        scope = ResourceId.parse(scope.parent)
    if scope.resource_group:
        yield scope.text
    yield f"/subscriptions/{rid.subscription}"


def lock_of(document: Mapping[str, Any]) -> Lock | None:
    """Read a lock; one whose level is not known counts as the strictest."""
    text = str(document.get("id") or "")
    at = text.casefold().rfind(_WHERE.casefold())
    if at < 0:
        return None
    properties = document.get("properties") or {}
    is_mild = str(properties.get("level") or "").casefold() in {"cannotdelete", "notspecified"}
    return Lock(
        name=text.rpartition("/")[2],
        level=LockLevel.CAN_NOT_DELETE if is_mild else LockLevel.READ_ONLY,
        scope=text[:at],
        notes=str(properties.get("notes") or ""),
    )
