"""An Azure resource as ARM shows it: what all facts are about.

Apart from ``facts``, so that each area's facts can have a module of their own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.moments import read_moment
from shared.core.resource_ids import SCALE_SET, ResourceId

OPT_OUT_TAG = "nightshift"
OPT_OUT_VALUES = frozenset({"off", "false", "no", "disabled"})


@dataclass(frozen=True, slots=True)
class Resource:
    """An Azure resource as ARM shows it, or what stands in for it in conditions.

    Attributes:
        size: SKU name (``Standard_ND96isr_H100_v5``), or empty.
        pool: Id of the scale set, node pool or workspace it belongs to, or empty.
        pool_size: How many machines the pool is set to have; None if that is not known.
        zone: Availability zone within the region (``1``), or empty for none.
        created_at: When it was created; None if that is not known.
    """

    id: str
    type: str
    name: str
    location: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    size: str = ""
    pool: str = ""
    pool_size: int | None = None
    zone: str = ""
    created_at: datetime | None = None

    @property
    def is_opted_out(self) -> bool:
        """Tell whether a person tagged it ``nightshift: off`` (tag names fold case)."""
        return any(
            name.casefold() == OPT_OUT_TAG and value.strip().casefold() in OPT_OUT_VALUES
            for name, value in self.tags.items()
        )


def retry_key(account: str, job: str, task: str) -> str:
    """Name a task's retry budget; safe as a table key whatever the ids contain."""
    text = f"{account.casefold()}\x1f{job}\x1f{task}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def resource_from_arm(document: Mapping[str, object], asked: str) -> Resource:
    """Read an ARM resource's common fields; ``asked`` is the id it was asked by.

    A scale set is its own pool's size. ``timeCreated`` comes with versions since
    2021-11-01; a machine has one zone, and what is spread over several is in none.

    Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/get,
    https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/get
    """
    rid = ResourceId.parse(asked)
    tags = document.get("tags")
    properties, sku = _object(document.get("properties")), _object(document.get("sku"))
    size = _object(properties.get("hardwareProfile")).get("vmSize") or sku.get("name")
    capacity = sku.get("capacity") if rid.type == SCALE_SET else None
    zones = document.get("zones")
    return Resource(
        id=rid.text,
        type=rid.type,
        name=rid.name,
        location=str(document.get("location") or ""),
        tags={str(k): str(v) for k, v in tags.items()} if isinstance(tags, Mapping) else {},
        size=str(size or ""),
        pool_size=capacity if type(capacity) is int else None,
        zone=str(zones[0]) if isinstance(zones, list) and len(zones) == 1 else "",
        created_at=_created(properties.get("timeCreated")),
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _created(value: object) -> datetime | None:
    """Read a moment; one that cannot be read is not known, and no reason to fail."""
    try:
        return read_moment(value) if isinstance(value, str) else None
    except ValueError:
        return None
