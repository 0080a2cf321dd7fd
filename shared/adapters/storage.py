"""Clients of the app's own storage account, each built once and only when asked for.

The table and queue libraries are on the fast path; the blob library costs more than
both together to import, so it is loaded by the first document that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.adapters.sdk_options import has_proxy
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

# Two tries, a moment apart: storage fails singly more often than it fails. More would be
# the library deciding about time that belongs to a plan's deadline; the engine retries.
_PATIENCE: dict[str, Any] = {"retry_total": 1, "connection_timeout": 3, "read_timeout": 5}
_TABLE_OPTIONS: dict[str, Any] = {
    **_PATIENCE,
    "retry_backoff_factor": 0.2,
    "retry_backoff_max": 1,
}
_OPTIONS: dict[str, Any] = {
    **_PATIENCE,
    "initial_backoff": 0,
    "increment_base": 1,
    "random_jitter_range": 1,
}


class Storage:
    """The storage account, by connection string or by name and identity."""

    def __init__(
        self, settings: Settings, credential: Callable[[], AsyncTokenCredential]
    ) -> None:
        """Remember how to reach the account; connect to nothing yet.

        Args:
            credential: Returns the app's identity; not called for a connection string.
        """
        self._settings = settings
        self._credential = credential

    def _url(self, kind: str, uri: str) -> str:
        account, suffix = self._settings.storage_account, self._settings.storage_suffix
        return uri or f"https://{account}.{kind}.{suffix}"

    @cached_property
    def tables(self) -> TableServiceClient:
        """Tables: the ledger."""
        from azure.data.tables.aio import TableServiceClient

        options = {**_TABLE_OPTIONS, "use_env_settings": has_proxy()}
        text = self._settings.storage
        if text:
            return TableServiceClient.from_connection_string(text, **options)
        url = self._url("table", self._settings.storage_table_uri)
        return TableServiceClient(url, credential=self._credential(), **options)

    @cached_property
    def queues(self) -> QueueServiceClient:
        """Queues: what wakes plans."""
        from azure.storage.queue.aio import QueueServiceClient

        options = {**_OPTIONS, "use_env_settings": has_proxy()}
        text = self._settings.storage
        if text:
            return QueueServiceClient.from_connection_string(text, **options)
        url = self._url("queue", self._settings.storage_queue_uri)
        return QueueServiceClient(url, credential=self._credential(), **options)

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """Blobs: records and quarantine."""
        from azure.storage.blob.aio import BlobServiceClient

        options = {**_OPTIONS, "use_env_settings": has_proxy()}
        text = self._settings.storage
        if text:
            return BlobServiceClient.from_connection_string(text, **options)
        url = self._url("blob", self._settings.storage_blob_uri)
        return BlobServiceClient(url, credential=self._credential(), **options)

    async def close(self) -> None:
        """Close what was opened, and only that."""
        for name in ("tables", "queues", "blobs"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                await client.close()
