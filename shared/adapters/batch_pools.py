"""Pools of a Batch account as the service writes them.

Source: https://learn.microsoft.com/rest/api/batchservice/pools
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.core.batch_pools import BatchPool
from shared.core.moments import read_moment

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient

FIELDS = [
    *("id", "vmSize", "allocationState", "targetDedicatedNodes", "targetLowPriorityNodes"),
    *("enableAutoScale", "autoScaleFormula", "metadata"),
]


def pool_of(document: Mapping[str, Any], account: str) -> BatchPool:
    """Read a pool as the service writes it.

    A pool that scales itself and does not tell its formula has one nonetheless.
    """
    said = str(document.get("autoScaleFormula") or "")
    state = str(document.get("allocationState") or "").casefold()
    return BatchPool(
        account=account,
        id=str(document["id"]),
        size=str(document.get("vmSize") or ""),
        dedicated=int(document.get("targetDedicatedNodes") or 0),
        low_priority=int(document.get("targetLowPriorityNodes") or 0),
        is_steady=state in {"steady", ""},
        formula=(said or "?") if document.get("enableAutoScale") else "",
        labels={
            str(one["name"]): str(one.get("value") or "")
            for one in document.get("metadata") or ()
        },
    )


async def idle_since(client: BatchClient, pool: str) -> tuple[int, datetime | None]:
    """Return how many nodes are not idle, and when the last of the others became so."""
    busy, last, is_known = 0, None, True
    async for one in client.list_nodes(pool, select=["id", "state", "stateTransitionTime"]):
        document = one.as_dict()
        if str(document.get("state") or "").casefold() != "idle":
            busy += 1
            continue
        said = document.get("stateTransitionTime")
        at = read_moment(said) if isinstance(said, str) else None
        is_known = is_known and at is not None
        last = at if last is None or (at is not None and at > last) else last
    return busy, last if not busy and is_known else None
