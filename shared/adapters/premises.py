"""The app's own surroundings, seen with its own identity: storage, rights, clock.

What an event is answered with has adapters of its own; here is only what is looked at
when somebody asks how the app is.

Source: https://learn.microsoft.com/rest/api/authorization/permissions,
https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage (which
reads the data roles of tables, queues and blobs have),
https://learn.microsoft.com/azure/app-service/reference-app-settings
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.arm import ArmReader
from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import CONNECT_S, READ_S, has_proxy
from shared.adapters.settings_env import own_resource_group
from shared.adapters.storage import Storage
from shared.core.grants import Grant
from shared.core.settings import Settings
from shared.ports.upkeep import Contents, Identity

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

PERMISSIONS_API = "2022-04-01"
CALL_LIMIT_S = 15.0
EVENTS_QUEUE = "platform-events"
TABLE_ROLE = "Storage Table Data Contributor"
QUEUE_ROLE = "Storage Queue Data Contributor"
BLOB_ROLE = "Storage Blob Data Contributor"


class AppPremises:
    """Implements ``shared.ports.upkeep.Premises``."""

    def __init__(
        self,
        credential: AsyncTokenCredential,
        arm: ArmReader,
        storage: Storage,
        settings: Settings,
    ) -> None:
        """Remember where to look; nothing connects before the first look."""
        self._credential = credential
        self._arm = arm
        self._storage = storage
        self._audience = settings.resource_manager_audience.rstrip("/") + "/.default"

    async def identity(self) -> Identity:
        """Say whom a fresh token names; the token itself goes nowhere."""
        async with _asking("fetching a token of the app's identity"):
            token = await self._credential.get_token(self._audience)
        said = _claims(token.token)
        return Identity(
            object_id=str(said.get("oid") or ""),
            client_id=str(said.get("appid") or said.get("azp") or ""),
            tenant=str(said.get("tid") or ""),
        )

    async def grants(self, scope: str) -> tuple[Grant, ...]:
        """Read what the app's identity may do at a scope, a grant for each role."""
        path = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/permissions"
        return tuple(
            [
                Grant(
                    actions=_texts(one.get("actions")),
                    not_actions=_texts(one.get("notActions")),
                    data_actions=_texts(one.get("dataActions")),
                    not_data_actions=_texts(one.get("notDataActions")),
                )
                async for one in self._arm.pages(path, api_version=PERMISSIONS_API)
            ]
        )

    async def tables(self) -> frozenset[str]:
        """Name the tables."""
        async with _asking("listing tables", TABLE_ROLE):
            return frozenset([one.name async for one in self._storage.tables.list_tables()])

    async def queue(self, name: str) -> Contents:
        """Count the messages of a queue; the service's count is approximate."""
        from azure.core.exceptions import ResourceNotFoundError

        async with _asking(f"counting queue {name}", QUEUE_ROLE):
            try:
                found = await self._storage.queues.get_queue_client(
                    name
                ).get_queue_properties()
            except ResourceNotFoundError:
                return Contents()
        return Contents(int(found.approximate_message_count or 0))

    async def container(self, name: str, *, limit: int) -> Contents:
        """Count up to ``limit`` blobs; names, not times, are the order of the list."""
        from azure.core.exceptions import ResourceNotFoundError

        async with _asking(f"counting container {name}", BLOB_ROLE):
            container = self._storage.blobs.get_container_client(name)
            try:
                properties = await container.get_container_properties()
            except ResourceNotFoundError:
                return Contents()
            moments: list[datetime] = []
            async for blob in container.list_blobs(results_per_page=min(limit, 1000)):
                moments.append(blob.creation_time or blob.last_modified)
                if len(moments) >= limit:
                    break
        known = [one for one in moments if one is not None]
        return Contents(len(moments), min(known, default=None), bool(properties.public_access))

    async def clock_ahead(self) -> timedelta:
        """Compare the ``Date`` of an answer of storage's with the middle of the call."""
        dates: list[datetime] = []

        def note(response: Any) -> None:
            dates.append(parsedate_to_datetime(response.http_response.headers["Date"]))

        began = datetime.now(UTC)
        async with _asking("asking storage for the time", QUEUE_ROLE):
            listed = self._storage.queues.list_queues(
                results_per_page=1, raw_response_hook=note
            )
            async for _ in listed:
                break
        ended = datetime.now(UTC)
        return dates[0] - (began + (ended - began) / 2)

    async def reach(self, url: str) -> int:
        """Tell which status an address answers with, without a token of ours."""
        import aiohttp

        patience = aiohttp.ClientTimeout(total=READ_S, connect=CONNECT_S)
        async with (
            _asking(f"reaching {url}"),
            aiohttp.ClientSession(timeout=patience, trust_env=has_proxy()) as http,
            http.get(url, allow_redirects=False) as answer,
        ):
            return answer.status

    async def put_event(self, body: bytes) -> None:
        """Put an event into Event Grid's queue, base64 as Event Grid writes it."""
        text = base64.b64encode(body).decode()
        async with _asking(f"putting an event on queue {EVENTS_QUEUE}", QUEUE_ROLE):
            await self._storage.queues.get_queue_client(EVENTS_QUEUE).send_message(text)

    def about(self) -> Mapping[str, Any]:
        """Say what the platform calls this app; empty where it does not say."""
        group = own_resource_group(os.environ)
        site = os.environ.get("WEBSITE_SITE_NAME", "")
        app_id = f"{group[0]}/providers/Microsoft.Web/sites/{site}" if group and site else ""
        return {
            "app_id": app_id,
            "instance": os.environ.get("WEBSITE_INSTANCE_ID", "")[:12],
            "python": ".".join(str(part) for part in sys.version_info[:3]),
        }


@asynccontextmanager
async def _asking(doing: str, role: str = "") -> AsyncIterator[None]:
    """Bound one look in time, and say in our words what went wrong with it."""
    import aiohttp

    async with translated(doing, role=role), asyncio.timeout(CALL_LIMIT_S):
        try:
            yield
        except aiohttp.ClientError as exc:
            raise OSError(f"{type(exc).__name__}: {exc}") from exc


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _claims(token: str) -> Mapping[str, Any]:
    """Read whom a token of our own is for; what is no JWT says nothing."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return said if isinstance(said, dict) else {}
