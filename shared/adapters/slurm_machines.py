"""What a VM says of itself: its names, its private addresses and its ids.

Addresses are on its network interfaces. An identity that may not read those still has the
names; then a node's address is no proof, and none against.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/get,
https://learn.microsoft.com/rest/api/virtualnetwork/network-interface-in-vm-ss/list-virtual-machine-scale-set-vm-network-interfaces
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from shared.adapters.arm import ArmReader
from shared.core.errors import Forbidden
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.core.slurm_identity import Machine, cyclecloud_cluster, cyclecloud_name, short

COMPUTE_API = "2024-07-01"
NETWORK_API = "2024-05-01"
SCALE_SET_NETWORK_API = "2018-10-01"
Json = Mapping[str, Any]


async def machine_of(arm: ArmReader, vm: ResourceId) -> Machine | None:
    """Read a VM or a scale set's instance; None if it does not exist."""
    document, parent = await asyncio.gather(
        arm.get(vm.text, api_version=COMPUTE_API), _parent(arm, vm)
    )
    if document is None:
        return None
    tags = {**_texts(parent.get("tags")), **_texts(document.get("tags"))}
    properties = _object(document.get("properties"))
    computer = str(_object(properties.get("osProfile")).get("computerName") or "")
    names = (str(document.get("name") or ""), vm.name, computer, cyclecloud_name(tags))
    return Machine(
        names=frozenset(short(name) for name in names if name and not name.isdecimal()),
        addresses=frozenset(await _addresses(arm, vm, properties)),
        ids=frozenset(str(one).casefold() for one in (vm.text, properties.get("vmId")) if one),
        cyclecloud=cyclecloud_cluster(tags),
    )


async def _parent(arm: ArmReader, vm: ResourceId) -> Json:
    if vm.type != SCALE_SET_VM:
        return {}
    return await arm.get(vm.parent, api_version=COMPUTE_API) or {}


async def _addresses(arm: ArmReader, vm: ResourceId, properties: Json) -> list[str]:
    try:
        cards = await _cards(arm, vm, properties)
    except Forbidden:
        return []
    found = (
        _object(configuration.get("properties")).get("privateIPAddress")
        for card in cards
        for configuration in _object(card.get("properties")).get("ipConfigurations") or ()
    )
    return [str(one) for one in found if one]


async def _cards(arm: ArmReader, vm: ResourceId, properties: Json) -> list[Json]:
    if vm.type == SCALE_SET_VM:
        path = f"{vm.text}/networkInterfaces"
        return [one async for one in arm.pages(path, api_version=SCALE_SET_NETWORK_API)]
    profile = _object(properties.get("networkProfile"))
    ids = [str(one.get("id") or "") for one in profile.get("networkInterfaces") or ()]
    read = await asyncio.gather(*(_card(arm, one) for one in _distinct(ids)))
    return [card for card in read if card is not None]


async def _card(arm: ArmReader, card: str) -> Json | None:
    return await arm.get(card, api_version=NETWORK_API)


def _distinct(ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one for one in ids if one.startswith("/subscriptions/")))


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in _object(value).items()}
