"""Keep one client a storage account, and send what queue output bindings return.

The only state of the host is in storage; this module opens the clients and
closes them, and knows no triggers.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.functions import meta
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from sandbox.functions_host.app_settings import STORAGE, resolve, storage_connection
from sandbox.functions_host.loading import Binding


class Storage:
    """The storage accounts of the app, by connection string."""

    def __init__(self, settings: Mapping[str, str], message_encoding: str) -> None:
        self._settings = settings
        self._encoding = message_encoding
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: BlobServiceClient | None = None

    def queue(self, binding: Binding, suffix: str = "") -> QueueClient:
        """Give the client of the queue a binding names."""
        connection = storage_connection(binding.get("connection"), self._settings)
        if connection not in self._queues:
            self._queues[connection] = QueueServiceClient.from_connection_string(connection)
        name = resolve(str(binding["queueName"]), self._settings)
        return self._queues[connection].get_queue_client(name + suffix)

    def blobs(self) -> BlobServiceClient:
        """Give the client of the host's own storage account."""
        if self._blobs is None:
            connection = storage_connection(STORAGE, self._settings)
            self._blobs = BlobServiceClient.from_connection_string(connection)
        return self._blobs

    def encode(self, body: bytes) -> str:
        """Write a message body as host.json's messageEncoding says."""
        if self._encoding == "base64":
            return base64.b64encode(body).decode()
        return body.decode()

    def decode(self, text: str) -> bytes:
        """Read a message body.

        Raises:
            ValueError: it should be base64 and is not.
        """
        return (
            base64.b64decode(text, validate=True)
            if self._encoding == "base64"
            else text.encode()
        )

    async def send(self, binding: Binding, value: object) -> None:
        """Put what a function returned or set on the queue of its output binding."""
        queue = self.queue(binding)
        for body in _bodies(value):
            try:
                await queue.send_message(self.encode(body))
            except ResourceNotFoundError:
                await create(queue)
                await queue.send_message(self.encode(body))

    async def close(self) -> None:
        """Close every client."""
        for client in self._queues.values():
            await client.close()
        if self._blobs is not None:
            await self._blobs.close()


async def create(queue: QueueClient) -> None:
    """Create a queue unless it is there."""
    try:
        await queue.create_queue()
    except ResourceExistsError:
        return


def _bodies(value: object) -> list[bytes]:
    """Turn an output value into message bodies, by the library's converter.

    A list gives one message an element, as in Azure.
    """
    datum = meta.get_binding_registry().get("queue").encode(value, expected_type=None)
    if datum.type == "bytes":
        return [datum.value]
    if datum.type == "string":
        return [datum.value.encode()]
    document: Any = json.loads(datum.value)
    items = document if isinstance(document, list) else [document]
    return [(i["body"] if isinstance(i, dict) else str(i)).encode() for i in items]
