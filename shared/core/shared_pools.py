"""Tell a pool that people share from every other: it says so itself, by a tag. Pure."""

from __future__ import annotations

from shared.core.facts import Resource

TAG, SHARED = "nightshift-pool", "shared"


def is_shared(resource: Resource) -> bool:
    """Tell whether an instance's scale set, whose tags it bears, is shared by people."""
    tags = {name.casefold(): value for name, value in resource.tags.items()}
    return bool(resource.pool) and tags.get(TAG, "").strip().casefold() == SHARED
