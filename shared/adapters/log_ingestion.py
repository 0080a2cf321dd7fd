"""Audit records into Log Analytics, through the Logs Ingestion API.

The client cuts what it is given into calls of 1 MB and zips them; which calls failed is
told by part, so that only what failed is sent again.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import translate
from shared.adapters.sdk_options import sdk_options
from shared.core.audit import AuditRecord
from shared.core.audit_tables import Table
from shared.core.errors import TooLarge
from shared.core.settings import Settings
from shared.ports import Undelivered

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.monitor.ingestion import LogsUploadError
    from azure.monitor.ingestion.aio import LogsIngestionClient

ROLE = "Monitoring Metrics Publisher on the data collection rule"
CALL_LIMIT_S = 30.0
_INSTEAD = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: TooLarge}


class LogIngestion:
    """Implements ``shared.ports.AuditSink``."""

    name = "log_analytics"

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        """Remember where to send; the first call connects."""
        self._credential = credential
        self._endpoint = settings.ingestion_endpoint
        self._rule = settings.ingestion_rule
        self._audience = settings.ingestion_audience
        self._streams = {
            Table.PLANS: settings.plans_stream,
            Table.STEPS: settings.steps_stream,
            Table.DECISIONS: settings.decisions_stream,
        }
        self._client: LogsIngestionClient | None = None

    def takes(self, record: AuditRecord) -> bool:
        """Take every record."""
        return record.table in self._streams

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Send records, each table's to its stream; return the parts not taken."""
        missed: list[Undelivered] = []
        for table in self._streams:
            part = [record for record in records if record.table is table]
            if part:
                missed += await self._upload(table, part)
        return tuple(missed)

    async def _upload(self, table: Table, records: Sequence[AuditRecord]) -> list[Undelivered]:
        """Upload one table's records; whatever is not known to be taken is missed."""
        from azure.core.exceptions import AzureError

        doing = f"uploading {len(records)} records to {self._streams[table]}"
        missed: list[Undelivered] = []

        async def on_error(failed: LogsUploadError) -> None:
            if not isinstance(failed.error, AzureError | TimeoutError | OSError):
                raise failed.error
            lost = _named(records, failed.failed_logs)
            error = translate(failed.error, doing, role=ROLE, instead=_INSTEAD)
            missed.append(Undelivered(lost, error))

        rows: list[MutableMapping[str, Any]] = [dict(record.row) for record in records]
        try:
            client = await self._built()
            async with asyncio.timeout(CALL_LIMIT_S):
                await client.upload(self._rule, self._streams[table], rows, on_error=on_error)
        except (AzureError, TimeoutError, OSError) as exc:
            return [Undelivered(tuple(records), translate(exc, doing, role=ROLE))]
        return missed

    async def _built(self) -> LogsIngestionClient:
        if self._client is None:
            build = await asyncio.to_thread(_client_class)
            self._client = self._client or build(
                self._endpoint,
                self._credential,
                credential_scopes=[f"{self._audience.rstrip('/')}/.default"],
                **sdk_options(),
            )
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _named(
    records: Sequence[AuditRecord], rows: Sequence[Mapping[str, Any]]
) -> tuple[AuditRecord, ...]:
    ids = {row["RecordId"] for row in rows}
    return tuple(record for record in records if record.id in ids)


def _client_class() -> type[LogsIngestionClient]:
    from azure.monitor.ingestion.aio import LogsIngestionClient

    return LogsIngestionClient
