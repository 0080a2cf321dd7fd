"""The queue ``plans``: messages that appear when a plan is to be looked at again.

The Functions queue trigger reads base64 text by default, so that is what is written.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import status_of, translated
from shared.adapters.storage import Storage
from shared.core.errors import InvalidTarget

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

ROLE = "Storage Queue Data Contributor"
LONGEST = timedelta(days=7)
SIZE_LIMIT = 48 * 1024
"""Bytes of JSON: 64 KiB is the service's limit for the text, and base64 adds a third."""
NEVER = -1
CALL_LIMIT_S = 10.0


class PlanWakeQueue:
    """Implements ``shared.ports.WakeQueue``."""

    def __init__(self, storage: Storage, name: str = "plans") -> None:
        """Remember the account; the first message connects."""
        self._storage = storage
        self._name = name

    @cached_property
    def _queue(self) -> QueueClient:
        return self._storage.queues.get_queue_client(self._name)

    async def put(self, message: Mapping[str, Any], *, delay: timedelta) -> None:
        """Store a message that becomes visible after ``delay``, at most 7 days.

        It never expires: a plan may wait longer than the week that is the default, and
        a message that vanished would leave it to the sweep.

        Raises:
            InvalidTarget: The message is larger than a queue takes.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        if len(body) > SIZE_LIMIT:
            size, limit = len(body) // 1024, SIZE_LIMIT // 1024
            raise InvalidTarget(
                f"a message of {size} KiB: queue {self._name} takes {limit} KiB"
            )
        text = base64.b64encode(body).decode()
        # A message that is early finds its plan not due; rounding up keeps it from that.
        hidden = math.ceil(max(timedelta(0), min(delay, LONGEST)).total_seconds())
        async with translated(f"putting a message on queue {self._name}", role=ROLE):
            async with asyncio.timeout(CALL_LIMIT_S):
                await self._send(text, hidden)

    async def _send(self, text: str, hidden: int) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            await self._queue.send_message(text, visibility_timeout=hidden, time_to_live=NEVER)
        except ResourceNotFoundError as exc:
            if status_of(exc) != HTTPStatus.NOT_FOUND:
                raise
        else:
            return
        with contextlib.suppress(ResourceExistsError):  # another instance was first
            await self._queue.create_queue()
        await self._queue.send_message(text, visibility_timeout=hidden, time_to_live=NEVER)
