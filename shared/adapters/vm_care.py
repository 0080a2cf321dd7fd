"""How a VM is, what its console shows, a restart: by azure-mgmt-compute and two reads.

The console's log lies behind an address that is a secret for as long as it is good. It is
asked for once, without a token of ours, and never said.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/retrieve-boot-diagnostics-data,
https://learn.microsoft.com/rest/api/resourcehealth/availability-statuses/get-by-resource
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.adapters import machines as read
from shared.adapters.azure_errors import SOON, translate
from shared.adapters.compute_clients import (
    RECEIPT,
    ComputeClients,
    not_found,
    of_type,
    token_of,
)
from shared.adapters.sdk_options import CONNECT_S, has_proxy
from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.resource_ids import VM
from shared.core.vm_health import VmHealth, wellness

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader
    from shared.core.resource_ids import ResourceId

ROLE = "Virtual Machine Contributor"
HEALTH_API = "2022-10-01"
LOG_AT_MOST = 4 * 1024 * 1024
TOTAL_S = 15.0
_MINUTES = 5  # how long the console's address is good
_OFF = "bootdiagnostics"


class AzureVmCare:
    """``VmCare`` over the compute and resource health providers."""

    def __init__(self, clients: ComputeClients, arm: ArmReader) -> None:
        self._clients = clients
        self._arm = arm

    async def health(self, vm: str) -> VmHealth | None:
        """Read the VM with its instance view, and what resource health says of it."""
        rid = of_type(vm, VM)
        document = await self._document(rid)
        if document is None:
            return None
        said = await self._arm.get(
            f"{rid.text}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
            api_version=HEALTH_API,
        )
        found = read.machine_fact(document, rid.text)
        properties = (said or {}).get("properties") or {}
        availability = str(properties.get("availabilityState") or "").casefold()
        agent = agent_of(document)
        return VmHealth(
            resource=found.resource,
            power=found.power,
            availability=availability,
            agent=agent,
            changed_at=found.changed_at,
            is_well=wellness(availability, agent),
        )

    async def console(self, vm: str) -> str | None:
        """Ask where the log is, and read its end."""
        from azure.core.exceptions import AzureError, HttpResponseError

        rid = of_type(vm, VM)
        client = await self._clients.of(rid.subscription)
        try:
            said = await client.virtual_machines.retrieve_boot_diagnostics_data(
                rid.resource_group, rid.name, sas_uri_expiration_time_in_minutes=_MINUTES
            )
        except (AzureError, TimeoutError, OSError) as exc:
            if isinstance(exc, HttpResponseError) and are_off(exc.status_code, str(exc)):
                return None
            raise translate(exc, f"reading the console of {vm}", role=ROLE) from exc
        where = str(said.serial_console_log_blob_uri or "")
        return await _log(where, vm) if where else None

    async def restart(self, vm: str) -> str:
        """Ask for a restart; return the URL that tells how it goes, or empty if none."""
        from shared.adapters.azure_errors import translated

        rid = of_type(vm, VM)
        client = await self._clients.of(rid.subscription)
        async with translated(f"restarting {vm}", role=ROLE):
            begun: Any = await client.virtual_machines.begin_restart(
                rid.resource_group, rid.name, **RECEIPT
            )
            return await token_of(begun)

    async def _document(self, rid: ResourceId) -> Mapping[str, Any] | None:
        from shared.adapters.azure_errors import translated

        client = await self._clients.of(rid.subscription)
        async with translated(f"reading {rid.text}", role="Reader"):
            try:
                one = await client.virtual_machines.get(
                    rid.resource_group, rid.name, expand="instanceView"
                )
            except not_found():
                return None
        return dict(one.as_dict())


def agent_of(document: Mapping[str, Any]) -> str:
    """Say what the platform last heard of a VM's agent; empty if it has none.

    Source: https://learn.microsoft.com/azure/virtual-machines/extensions/agent-linux
    (``vmAgent.statuses``: Ready, Not Ready)
    """
    agent = read.instance_view(document).get("vmAgent") or {}
    for one in agent.get("statuses") or ():
        return str(one.get("displayStatus") or "").casefold()
    return ""


def are_off(status: int | None, words: str) -> bool:
    """Tell whether a refusal says that a VM's boot diagnostics are not enabled."""
    refusals = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
    return status in refusals and _OFF in words.casefold().replace(" ", "")


async def _log(address: str, vm: str) -> str:
    """Read the end of a log; of an error no more is said than what it is."""
    import ssl

    import aiohttp

    if urlsplit(address).scheme != "https":
        raise InvalidTarget(f"reading the console of {vm}: its address is not https")
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()),
                timeout=aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S),
                trust_env=has_proxy(),
            ) as session,
            session.get(
                address, allow_redirects=False, headers={"Range": f"bytes=-{LOG_AT_MOST}"}
            ) as answer,
        ):
            if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise ProviderUnavailable(
                    f"reading the console of {vm}: {answer.status}", after=SOON
                )
            body = await answer.content.read(LOG_AT_MOST)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
        # Not "from exc": its text has the address, and tracebacks are logged.
        raise ProviderUnavailable(
            f"reading the console of {vm}: {type(exc).__name__}", after=SOON
        ) from None
    return body.decode(errors="replace")
