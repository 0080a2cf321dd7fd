"""Poll one queue and run its function for each message, as the real host does.

A message is taken with a lease (invisible for ten minutes), which is renewed
while its function runs. Success deletes it; failure makes it visible again
after ``visibilityTimeout``; after ``maxDequeueCount`` it goes to
``<queue>-poison``. Only storage knows where a message stands, so a process that
dies loses none: the lease runs out.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
Source: https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/storage
(Microsoft.Azure.WebJobs.Extensions.Storage.Queues: QueueProcessor, QueueListener)
"""

import asyncio
import contextlib
import logging
import random
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.functions_host.arguments import QueueMetadata, queue_argument
from sandbox.functions_host.host_json import QueueOptions
from sandbox.functions_host.invoker import Invoker
from sandbox.functions_host.loading import LoadedFunction
from sandbox.functions_host.storage import Storage, create

LOG = logging.getLogger(__name__)
_MIN_POLLING = timedelta(milliseconds=100)
_POISON = "-poison"
_LONGEST_QUEUE_NAME = 63


class QueueListener:
    """One queue trigger at work."""

    def __init__(
        self,
        function: LoadedFunction,
        storage: Storage,
        options: QueueOptions,
        lease: timedelta,
        invoker: Invoker,
    ) -> None:
        self._function, self._storage, self._options = function, storage, options
        self._lease_s = int(lease.total_seconds())
        self._invoker = invoker
        self._queue = storage.queue(function.trigger)
        self._poison = self._poison_queue()
        self._in_flight: set[asyncio.Task[None]] = set()

    def _poison_queue(self) -> QueueClient | None:
        """Name the poison queue; a poison queue has none of its own."""
        name = self._queue.queue_name
        if name.endswith(_POISON) or len(name) + len(_POISON) > _LONGEST_QUEUE_NAME:
            return None
        return self._storage.queue(self._function.trigger, _POISON)

    async def prepare(self) -> None:
        """Create the queue and its poison queue where they are absent."""
        await create(self._queue)
        if self._poison is not None:
            await create(self._poison)

    async def run(self) -> None:
        """Poll until cancelled: at once while there is work, less and less when idle."""
        longest = max(self._options.max_polling_interval, _MIN_POLLING).total_seconds()
        wait_s = _MIN_POLLING.total_seconds()
        while True:
            if len(self._in_flight) > self._options.new_batch_threshold:
                await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
                continue
            if await self._take():
                wait_s = _MIN_POLLING.total_seconds()
                continue
            await asyncio.sleep(wait_s)
            # Jitter spreads instances; it needs no secrecy.
            wait_s = min(wait_s * random.uniform(1.6, 2.4), longest)  # noqa: S311 - jitter only

    async def finish(self) -> None:
        """Wait until each message taken is deleted, released or moved."""
        await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _take(self) -> bool:
        """Lease one batch and start its invocations; tell whether there was any."""
        try:
            pages = self._queue.receive_messages(
                max_messages=self._options.batch_size,
                messages_per_page=self._options.batch_size,
                visibility_timeout=self._lease_s,
            )
            messages = [message async for message in pages]
        except AzureError as exc:
            LOG.warning("polling %s: %s", self._queue.queue_name, type(exc).__name__)
            return False
        for message in messages:
            task = asyncio.create_task(self._process(message))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        return bool(messages)

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._process_leased(message)
        except AzureError as exc:
            # Gone or taken by another instance: its lease decides, not we.
            LOG.warning("settling a message of %s: %s", self._queue.queue_name, exc)

    async def _process_leased(self, message: QueueMessage) -> None:
        # A process that dies again and again raises the count without a failure.
        if (message.dequeue_count or 0) > self._options.max_dequeue_count and self._poison:
            await self._bury(message)
            return
        try:
            body = self._storage.decode(str(message.content))
        except ValueError:
            LOG.warning("a message of %s is not base64", self._queue.queue_name)
            await self._bury(message)
            return
        argument = queue_argument(body, _metadata(message))
        renewal = asyncio.create_task(self._renew(message))
        try:
            outcome = await self._invoker.invoke(self._function, argument)
        except asyncio.CancelledError:
            await _end(renewal)
            await self._release(message, timedelta(0))
            return
        await _end(renewal)
        if outcome.succeeded:
            await self._queue.delete_message(message.id, message.pop_receipt)
        elif self._poison is None:
            # As in Azure: stays invisible until its lease ends, to prevent a fast loop.
            return
        elif (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._bury(message)
        else:
            await self._release(message, self._options.visibility_timeout)

    async def _renew(self, message: QueueMessage) -> None:
        """Keep the message ours, at half of each lease."""
        while True:
            await asyncio.sleep(self._lease_s / 2)
            try:
                await self._release(message, timedelta(seconds=self._lease_s))
            except HttpResponseError as exc:
                LOG.warning("lost a message of %s: %s", self._queue.queue_name, exc.reason)
                return
            except AzureError:
                continue

    async def _release(self, message: QueueMessage, after: timedelta) -> None:
        updated = await self._queue.update_message(
            message.id,
            pop_receipt=message.pop_receipt,
            visibility_timeout=int(after.total_seconds()),
        )
        message.pop_receipt = updated.pop_receipt

    async def _bury(self, message: QueueMessage) -> None:
        """Move the message to the poison queue; copy first, so that none is lost."""
        if self._poison is None:
            return
        await self._poison.send_message(message.content)
        await self._queue.delete_message(message.id, message.pop_receipt)
        LOG.warning(
            "a message of %s moved to %s", self._queue.queue_name, self._poison.queue_name
        )


def _metadata(message: QueueMessage) -> QueueMetadata:
    return QueueMetadata(
        message_id=message.id,
        dequeue_count=message.dequeue_count or 0,
        pop_receipt=message.pop_receipt,
        inserted_on=message.inserted_on,
        expires_on=message.expires_on,
        next_visible_on=message.next_visible_on,
    )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
