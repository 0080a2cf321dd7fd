"""Read the archive of deliveries back, in order; for people, not for the app.

Names of copies begin with their moment, so a range of time is a range of names and a
day is a prefix.

Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs ("Blobs are listed
in alphabetical order in the response body")
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.azure_errors import error_code, translated
from shared.adapters.storage import Storage

ROLE = "Storage Blob Data Reader"
AT_ONCE = 16
_DAY = timedelta(days=1)


class ArchiveReader:
    """The container ``{prefix}-archive``."""

    def __init__(self, storage: Storage, prefix: str = "nightshift") -> None:
        """Remember the account; the first call connects."""
        self._storage = storage
        self._name = f"{prefix}-archive"

    async def copies(
        self, start: datetime, end: datetime
    ) -> AsyncIterator[tuple[str, Mapping[str, Any] | None]]:
        """Yield name and document of each copy from ``start`` to before ``end``, in order.

        A document is None if it was deleted meanwhile or is none of ours.
        """
        waiting: list[str] = []
        async for name in self._names(start, end):
            waiting.append(name)
            if len(waiting) == AT_ONCE:
                for read in await self._read_all(waiting):
                    yield read
                waiting = []
        for read in await self._read_all(waiting):
            yield read

    async def _names(self, start: datetime, end: datetime) -> AsyncIterator[str]:
        first, last = (
            f"{at:%Y/%m/%d/%H/%M%S}.{at.microsecond // 1000:03d}" for at in (start, end)
        )
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            for name in await self._day(f"{day:%Y/%m/%d}/"):
                if first <= name < last:
                    yield name
            day += _DAY

    async def _day(self, prefix: str) -> list[str]:
        from azure.core.exceptions import ResourceNotFoundError

        container = self._storage.blobs.get_container_client(self._name)
        async with translated(f"listing {prefix} in container {self._name}", role=ROLE):
            try:
                listed = container.list_blob_names(name_starts_with=prefix)
                return [name async for name in listed]
            except ResourceNotFoundError as exc:
                if error_code(exc) != "ContainerNotFound":
                    raise
                return []

    async def _read_all(self, names: list[str]) -> list[tuple[str, Mapping[str, Any] | None]]:
        documents = await asyncio.gather(*(self._read(name) for name in names))
        return list(zip(names, documents, strict=True))

    async def _read(self, name: str) -> Mapping[str, Any] | None:
        from azure.core.exceptions import ResourceNotFoundError

        container = self._storage.blobs.get_container_client(self._name)
        async with translated(f"reading {name} in container {self._name}", role=ROLE):
            try:
                stream = await container.download_blob(name)
                body = await stream.readall()
            except ResourceNotFoundError:
                return None
        try:
            document = json.loads(body)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None
