"""Keep a timer's schedule status and its one-instance lease in blob storage.

The status makes a missed tick visible to the next process (``past_due``); the
lease keeps several instances from running one timer at once.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#scale-out
Source: https://github.com/Azure/azure-webjobs-sdk-extensions (StorageScheduleMonitor)
"""

import contextlib
import json
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, BlobServiceClient

_CONTAINER = "azure-webjobs-hosts"
# The shortest lease blob storage gives: after a crash a timer rests no longer than this.
LEASE_S = 15


class TimerState:
    """The two blobs of one timer function."""

    def __init__(self, blobs: BlobServiceClient, host_id: str, function: str) -> None:
        self._blobs = blobs
        self._status_name = f"timers/{host_id}/Host.Functions.{function}/status"
        self._lock_name = f"locks/{host_id}/Host.Functions.{function}.Listener"
        self._lease: BlobLeaseClient | None = None

    async def acquire(self) -> bool:
        """Take the timer's lease; False while another instance has it."""
        lock = self._blob(self._lock_name)
        await self._ensure(lock)
        try:
            self._lease = await lock.acquire_lease(LEASE_S)
        except HttpResponseError:
            return False
        return True

    async def renew(self) -> bool:
        """Hold on to the lease; False when it is no longer ours."""
        if self._lease is None:
            return False
        try:
            await self._lease.renew()
        except HttpResponseError:
            return False
        return True

    async def release(self) -> None:
        """Give the lease back, so that another instance need not wait for its end."""
        if self._lease is None:
            return
        try:
            await self._lease.release()
        except HttpResponseError:
            return
        finally:
            self._lease = None

    async def read(self) -> dict[str, str]:
        """Read Last, Next and LastUpdated; empty before the first run."""
        try:
            stream = await self._blob(self._status_name).download_blob()
            document: Any = json.loads(await stream.readall())
        except (ResourceNotFoundError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    async def write(self, status: dict[str, str]) -> None:
        """Store the status."""
        await self._blob(self._status_name).upload_blob(json.dumps(status), overwrite=True)

    def _blob(self, name: str) -> BlobClient:
        return self._blobs.get_blob_client(_CONTAINER, name)

    async def _ensure(self, blob: BlobClient) -> None:
        with contextlib.suppress(ResourceExistsError):
            await self._blobs.create_container(_CONTAINER)
        # There already, or leased by another instance: either way it exists.
        with contextlib.suppress(HttpResponseError):
            await blob.upload_blob(b"", overwrite=False)
