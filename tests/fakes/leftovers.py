"""Resources that may be left over, as documents in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.leftovers import MARK_TAG, LeftoverFacts, facts_of
from shared.core.resources import resource_from_arm
from tests.fakes.effects import Trapped

Document = dict[str, Any]


@dataclass(kw_only=True)
class FakeLeftovers(Trapped):
    """Documents by folded id.

    Attributes:
        lingering: Reads for which a removed resource is there still.
    """

    documents: dict[str, Document] = field(default_factory=dict)
    lingering: int = 1
    _going: dict[str, int] = field(default_factory=dict)

    def add(self, document: Mapping[str, Any]) -> None:
        """Put a resource into the world."""
        self.documents[str(document["id"]).casefold()] = dict(document)

    async def leftover(self, resource_id: str) -> LeftoverFacts | None:
        """Read one."""
        self.reading("leftover")
        key = resource_id.casefold()
        if key in self._going:
            self._going[key] -= 1
            if self._going[key] < 0:
                self.documents.pop(key, None)
        document = self.documents.get(key)
        if document is None:
            return None
        return facts_of(resource_from_arm(document, str(document["id"])), document)

    async def mark(self, resource_id: str, *, remove_after: str) -> None:
        """Write or delete our tag."""
        await asyncio.sleep(0)
        self.before("mark")
        document = self.documents[resource_id.casefold()]
        others = {k: v for k, v in (document.get("tags") or {}).items() if k != MARK_TAG}
        document["tags"] = {**others, **({MARK_TAG: remove_after} if remove_after else {})}
        self.happened("mark" if remove_after else "unmark", resource_id)

    async def remove(self, resource_id: str) -> None:
        """Begin to delete."""
        await asyncio.sleep(0)
        self.before("remove")
        if resource_id.casefold() in self.documents:
            self._going.setdefault(resource_id.casefold(), self.lingering)
        self.happened("remove", resource_id)
