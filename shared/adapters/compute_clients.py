"""One azure-mgmt-compute client a subscription, built once a process.

Its import takes a second, so it happens on a thread, when the first effect needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
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
ASYNC, LOCATION = "Azure-AsyncOperation", "Location"
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


@dataclass(slots=True)
class Receipt:
    """What the service answered to a ``begin_`` call, whatever its body is.

    The library reads the body of some answers as the result, which an accepted request
    does not have yet.
    """

    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the call, which then waits for nothing."""
        return {"polling": False, "raw_response_hook": self}

    def __call__(self, response: Any) -> None:
        """Note the headers; of several tries, the last one's."""
        self.headers = response.http_response.headers

    @property
    def token(self) -> str:
        """The URL that tells how the operation goes, or empty if there is none."""
        return token_in(self.headers)


def token_in(headers: Mapping[str, str]) -> str:
    """Find that URL among an answer's headers; it is no secret: asking takes a token."""
    token = str(headers.get(ASYNC) or headers.get(LOCATION) or "")
    return token if len(token) <= _TOKEN_LIMIT else ""


async def token_of(poller: Any) -> str:
    """Return the URL that tells how an operation goes, or empty if there is none.

    Args:
        poller: What a ``begin_`` call returned that was given ``RECEIPT``.
    """
    return token_in((await poller.result()).http_response.headers)


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
