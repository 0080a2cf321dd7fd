"""Documents too large or too broken for a table row, as blobs.

The blob library is the slowest of the three to import; nothing here touches it before
the first document.

Source: https://learn.microsoft.com/rest/api/storageservices/put-blob
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from shared.adapters.azure_errors import error_code, translated
from shared.adapters.storage import Storage
from shared.core.errors import InvalidTarget

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

ROLE = "Storage Blob Data Contributor"
CALL_LIMIT_S = 20.0
NAME_LIMIT = 200
WHY_LIMIT = 1024
_STRANGE = re.compile(r"[^A-Za-z0-9._-]")
_Result = TypeVar("_Result")


def blob_name(name: str) -> str:
    """Make a name that any blob, address and file system takes; another for each name.

    A name that had to be changed gets a piece of its hash, so that ``a/b`` and ``a?b``
    stay two documents.
    """
    clean = _STRANGE.sub("_", name).strip("._")[:NAME_LIMIT]
    if name and clean == name:
        return name
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{clean}-{mark}" if clean else mark


def header_text(text: str) -> str:
    """Write a text so that an HTTP header can carry it: printable ASCII, one line."""
    plain = " ".join(text.split()).encode("ascii", "backslashreplace").decode()
    return "".join(char for char in plain if char.isprintable())[:WHY_LIMIT].strip() or "-"


class BlobRecords:
    """Implements ``shared.ports.Records``."""

    def __init__(self, storage: Storage, prefix: str = "nightshift") -> None:
        """Remember the account; containers: ``{prefix}-records -quarantine -archive``."""
        self._storage = storage
        self._records = f"{prefix}-records"
        self._quarantine = f"{prefix}-quarantine"
        self._archive = f"{prefix}-archive"

    async def keep(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a document; if there is one of that name, that one stands."""
        from azure.core.exceptions import ResourceExistsError

        body = json.dumps(document, separators=(",", ":")).encode()

        async def operation(container: ContainerClient) -> None:
            try:
                await container.upload_blob(blob_name(name), body, overwrite=False)
            except ResourceExistsError as exc:
                if error_code(exc) != "BlobAlreadyExists":
                    raise

        await self._call(self._records, f"keeping record {name}", operation)

    async def put(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a document in place of whatever has its name."""
        body = json.dumps(document, separators=(",", ":")).encode()

        async def operation(container: ContainerClient) -> None:
            await container.upload_blob(blob_name(name), body, overwrite=True)

        await self._call(self._records, f"writing record {name}", operation)

    async def read(self, name: str) -> Mapping[str, Any] | None:
        """Return a document, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        async def operation(container: ContainerClient) -> bytes | None:
            try:
                stream = await container.download_blob(blob_name(name))
                return await stream.readall()
            except ResourceNotFoundError:
                return None

        body = await self._call(self._records, f"reading record {name}", operation)
        if body is None:
            return None
        document = json.loads(body)
        if not isinstance(document, dict):
            raise InvalidTarget(f"record {name} is a {type(document).__name__}, not an object")
        return document

    async def quarantine(self, name: str, body: bytes, *, why: str, source: str) -> None:
        """Keep what could not be parsed, as it came, with the reason beside it."""
        metadata = {"why": header_text(why), "source": header_text(source)}

        async def operation(container: ContainerClient) -> None:
            await container.upload_blob(
                blob_name(name), body, overwrite=True, metadata=metadata
            )

        await self._call(self._quarantine, "quarantining an event", operation)

    async def archive(self, name: str, document: bytes) -> None:
        """Keep a copy of a delivery.

        It is written while a plan is carried out, so the library is imported aside.
        """
        await asyncio.to_thread(import_module, "azure.storage.blob.aio")

        async def operation(container: ContainerClient) -> None:
            await container.upload_blob(name, document, overwrite=True)

        await self._call(self._archive, "archiving an event", operation)

    async def forget_archive(self, *, before: str, limit: int) -> int:
        """Delete copies whose names sort before a name: the service lists in that order.

        Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs ("Blobs are
        listed in alphabetical order"), .../blob-batch (at most 256 in one).
        """

        async def operation(container: ContainerClient) -> int:
            old: list[str] = []
            async for name in container.list_blob_names(results_per_page=limit):
                if name >= before or len(old) == limit:
                    break
                old.append(name)
            if old:
                await container.delete_blobs(*old, raise_on_any_failure=False)
            return len(old)

        return await self._call(self._archive, "deleting old archived events", operation)

    async def _call(
        self,
        container: str,
        doing: str,
        operation: Callable[[ContainerClient], Awaitable[_Result]],
    ) -> _Result:
        async with translated(f"{doing} in container {container}", role=ROLE):
            async with asyncio.timeout(CALL_LIMIT_S):
                return await self._made(container, operation)

    async def _made(
        self, name: str, operation: Callable[[ContainerClient], Awaitable[_Result]]
    ) -> _Result:
        """Do one operation, making its container if that is what it lacks."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        container = self._storage.blobs.get_container_client(name)
        try:
            return await operation(container)
        except ResourceNotFoundError as exc:
            if error_code(exc) != "ContainerNotFound":
                raise
        try:
            await container.create_container()
        except ResourceExistsError as exc:
            if error_code(exc) != "ContainerAlreadyExists":
                raise
        return await operation(container)
