"""Outcomes as CloudEvents, to the app's own Event Grid topic.

A call is taken whole or not at all. The event's id is the record's, so that whoever
listens recognises one that comes twice.

Source: https://learn.microsoft.com/azure/event-grid/cloud-event-schema and
https://learn.microsoft.com/azure/event-grid/quotas-limits (1 MB a call)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import sdk_options
from shared.core.audit import AuditRecord, batches
from shared.core.errors import AutomationError, TooLarge
from shared.core.settings import Settings
from shared.ports import Undelivered

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.messaging import CloudEvent
    from azure.eventgrid.aio import EventGridPublisherClient

ROLE = "EventGrid Data Sender on the topic"
SOURCE = "/nightshift"
CALL_LIMIT_S = 30.0
MOST_BYTES = 700_000
MOST_EVENTS = 200
_INSTEAD = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: TooLarge}


class OutcomeTopic:
    """Implements ``shared.ports.AuditSink``."""

    name = "outcome_topic"

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        """Remember where to send; the first call connects."""
        self._credential = _ForAudience(credential, settings.outcome_audience)
        self._endpoint = settings.outcome_topic
        self._client: EventGridPublisherClient | None = None

    def takes(self, record: AuditRecord) -> bool:
        """Take what others may react to."""
        return record.event_type is not None

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Publish records; return the parts not taken."""
        missed: list[Undelivered] = []
        for part in batches(records, most_bytes=MOST_BYTES, most=MOST_EVENTS):
            try:
                await self._publish(part)
            except AutomationError as error:
                missed.append(Undelivered(part, error))
        return tuple(missed)

    async def _publish(self, records: Sequence[AuditRecord]) -> None:
        doing = f"publishing {len(records)} outcomes"
        async with translated(doing, role=ROLE, instead=_INSTEAD):
            client = await self._built()
            async with asyncio.timeout(CALL_LIMIT_S):
                await client.send([_event(record) for record in records])

    async def _built(self) -> EventGridPublisherClient:
        if self._client is None:
            build = await asyncio.to_thread(_client_class)
            self._client = self._client or build(
                self._endpoint, self._credential, **sdk_options()
            )
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _event(record: AuditRecord) -> CloudEvent[dict[str, Any]]:
    from azure.core.messaging import CloudEvent

    return CloudEvent(
        source=SOURCE,
        type=str(record.event_type),
        id=record.id,
        time=record.at,
        subject=record.subject or SOURCE,
        data=dict(record.row),
    )


def _client_class() -> type[EventGridPublisherClient]:
    from azure.eventgrid.aio import EventGridPublisherClient

    return EventGridPublisherClient


class _ForAudience:
    """The app's identity, asked for tokens of the audience that this cloud has.

    The publishing client knows the public cloud's audience only and takes no other.

    Source: azure-eventgrid 4.22.1, ``_legacy/_helpers.py``
    """

    def __init__(self, credential: AsyncTokenCredential, audience: str) -> None:
        self._credential = credential
        self._scope = f"{audience.rstrip('/')}/.default"

    async def get_token(self, *_scopes: str, **options: Any) -> AccessToken:
        return await self._credential.get_token(self._scope, **options)

    async def close(self) -> None:
        """Leave the identity open: it is the whole app's."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
