"""One azure-mgmt-compute client a subscription, built once a process.

Its import takes a second, so it happens on a thread, when the first effect needs it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shared.adapters.sdk_options import sdk_options
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import SCALE_SET_VM, VM, ResourceId
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.mgmt.compute.aio import ComputeManagementClient

RECEIPT: dict[str, Any] = {"polling": False, "cls": lambda response, _, __: response}
"""Arguments of a ``begin_`` call that returns what the service answered, at once."""
_ASYNC, _LOCATION = "Azure-AsyncOperation", "Location"
_TOKEN_LIMIT = 4096


class ComputeClients:
    """Clients by subscription, shared by the adapters that act on machines."""

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        self._credential = credential
        self._endpoint = settings.resource_manager.rstrip("/")
        self._scope = settings.resource_manager_audience.rstrip("/") + "/.default"
        self._clients: dict[str, ComputeManagementClient] = {}

    async def of(self, subscription: str) -> ComputeManagementClient:
        """Return the subscription's client, building it on first use."""
        key = subscription.casefold()
        if key not in self._clients:
            build = await asyncio.to_thread(_client_class)
            self._clients.setdefault(
                key,
                build(
                    self._credential,
                    subscription,
                    self._endpoint,
                    credential_scopes=[self._scope],
                    **sdk_options(),
                ),
            )
        return self._clients[key]

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()


async def token_of(poller: Any) -> str:
    """Return the URL that tells how an operation goes, or empty if there is none.

    It is no secret: asking it takes a token of its own.

    Args:
        poller: What a ``begin_`` call returned that was given ``RECEIPT``.
    """
    headers = (await poller.result()).http_response.headers
    token = str(headers.get(_ASYNC) or headers.get(_LOCATION) or "")
    return token if len(token) <= _TOKEN_LIMIT else ""


def not_found() -> type[Exception]:
    """Return the exception that says that there is no such resource."""
    from azure.core.exceptions import ResourceNotFoundError

    return ResourceNotFoundError


def machine_id(text: str) -> ResourceId:
    """Take the id of a VM or a scale set's instance apart.

    Raises:
        InvalidTarget: It is the id of something else, or none.
    """
    return of_type(text, VM, SCALE_SET_VM)


def of_type(text: str, *types: str) -> ResourceId:
    """Take an id apart that must be of one of these types.

    Raises:
        InvalidTarget: It is not.
    """
    try:
        rid = ResourceId.parse(text)
    except ValueError as exc:
        raise InvalidTarget(str(exc)) from exc
    if rid.type not in types:
        raise InvalidTarget(f"{text} is a {rid.type or 'scope'}, not a {' or '.join(types)}")
    return rid


def _client_class() -> type[ComputeManagementClient]:
    from azure.mgmt.compute.aio import ComputeManagementClient

    return ComputeManagementClient
