"""A machine made anew has what the old one had, or it is said first what it would lose."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.rebuilding import blueprint, detaching, made, would_lose
from shared.core.spot_marks import read_mark

AT = datetime(2030, 1, 1, 3, tzinfo=UTC)
OS, DATA = "/subscriptions/s/disks/os", "/subscriptions/s/disks/data"
CARD = "/subscriptions/s/networkInterfaces/n"
USER = "/subscriptions/s/userAssignedIdentities/u"


def a_vm(**properties: Any) -> dict[str, Any]:
    """Write a spot machine as Azure shows it."""
    return {
        "id": "/subscriptions/s/virtualMachines/v",
        "name": "v",
        "etag": '"1"',
        "location": "westeurope",
        "zones": ["2"],
        "tags": {"team": "vision"},
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": {USER: {"clientId": "c"}},
        },
        "properties": {
            "vmId": "0000",
            "timeCreated": "2029-01-01T00:00:00Z",
            "provisioningState": "Succeeded",
            "priority": "Spot",
            "evictionPolicy": "Deallocate",
            "billingProfile": {"maxPrice": 0.5},
            "hardwareProfile": {"vmSize": "Standard_D8s_v5"},
            "osProfile": {"computerName": "v", "adminUsername": "ada"},
            "securityProfile": {"securityType": "TrustedLaunch"},
            "storageProfile": {
                "imageReference": {"sku": "22_04-lts"},
                "diskControllerType": "NVMe",
                "osDisk": {
                    "name": "os",
                    "osType": "Linux",
                    "caching": "ReadWrite",
                    "createOption": "FromImage",
                    "deleteOption": "Delete",
                    "managedDisk": {"id": OS, "storageAccountType": "Premium_LRS"},
                },
                "dataDisks": [
                    {"lun": 3, "createOption": "Empty", "managedDisk": {"id": DATA}}
                ],
            },
            "networkProfile": {
                "networkInterfaces": [
                    {"id": CARD, "properties": {"primary": True, "deleteOption": "Delete"}}
                ]
            },
            **properties,
        },
    }


def test_disks_are_attached_where_they_were_and_nothing_is_installed_again():
    """The same lun, the same caching; an image or a user name would be refused or wipe."""
    found = blueprint(a_vm())["properties"]
    storage = found["storageProfile"]
    assert {"diskControllerType", "osDisk", "dataDisks"} == set(storage)
    assert ("Attach", OS, "Linux", "ReadWrite") == (
        storage["osDisk"]["createOption"],
        storage["osDisk"]["managedDisk"]["id"],
        storage["osDisk"]["osType"],
        storage["osDisk"]["caching"],
    )
    assert (3, "Attach", DATA) == (
        storage["dataDisks"][0]["lun"],
        storage["dataDisks"][0]["createOption"],
        storage["dataDisks"][0]["managedDisk"]["id"],
    )
    assert not {"osProfile", "vmId", "timeCreated", "provisioningState"} & set(found)


def test_place_identity_and_safety_are_kept():
    """Zone, user-assigned identities (by name alone), trusted launch, network cards."""
    found = blueprint(a_vm())
    assert (["2"], {"team": "vision"}, "westeurope") == (
        found["zones"],
        found["tags"],
        found["location"],
    )
    assert {"type": "UserAssigned", "userAssignedIdentities": {USER: {}}} == found["identity"]
    assert {"securityType": "TrustedLaunch"} == found["properties"]["securityProfile"]
    assert CARD == found["properties"]["networkProfile"]["networkInterfaces"][0]["id"]


def test_a_regular_machine_has_no_eviction_policy_and_no_price():
    """Azure refuses both on a machine that is no spot machine."""
    document = blueprint(a_vm())
    made_so = made(document, size="Standard_D8s_v5", priority="regular", at=AT)
    assert "Regular" == made_so["properties"]["priority"]
    assert not {"evictionPolicy", "billingProfile"} & set(made_so["properties"])
    mark = read_mark(made_so["tags"])
    assert mark is not None
    assert ("Standard_D8s_v5", "Deallocate", 0.5, AT) == (
        mark.size,
        mark.eviction,
        mark.max_price,
        mark.since,
    )


def test_a_machine_that_is_spot_again_costs_no_more_than_it_might_before():
    """Policy and price come back from the mark, and the mark goes."""
    document = blueprint(a_vm())
    paid = blueprint(made(document, size="Standard_D8s_v5", priority="regular", at=AT))
    again = made(paid, size="Standard_D8s_v5", priority="spot", at=AT)
    assert ("Spot", "Deallocate", {"maxPrice": 0.5}) == tuple(
        again["properties"][key] for key in ("priority", "evictionPolicy", "billingProfile")
    )
    assert {"team": "vision"} == again["tags"]


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"resources": [{"name": "AADSSHLogin"}]}, "its extension AADSSHLogin"),
        ({"identity": {"type": "SystemAssigned, UserAssigned"}}, "system-assigned identity"),
        ({"availabilitySet": {"id": "a"}}, "availability set"),
        ({"virtualMachineScaleSet": {"id": "a"}}, "scale set"),
        ({"host": {"id": "a"}}, "dedicated host"),
        ({"storageProfile": {}}, "OS disk"),
        (
            {"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}},
            "ephemeral OS disk",
        ),
        ({"storageProfile": {"osDisk": {"vhd": {"uri": "u"}}}}, "not managed"),
    ],
)
def test_what_would_be_lost_is_named(change: dict[str, Any], lost: str):
    """Nobody finds out afterwards that the monitoring agent is gone."""
    whole = copy.deepcopy(a_vm())
    for key, value in change.items():
        place = whole if key in {"resources", "identity"} else whole["properties"]
        place[key] = value
    assert () == would_lose(a_vm())
    assert [True] == [lost in words for words in would_lose(whole)]


def test_disks_and_cards_outlive_their_machine_before_it_is_deleted():
    """The portal has both deleted with it."""
    wanted = detaching(a_vm())
    assert wanted is not None
    storage = wanted["properties"]["storageProfile"]
    cards = wanted["properties"]["networkProfile"]["networkInterfaces"]
    assert {"Detach"} == {
        storage["osDisk"]["deleteOption"],
        storage["dataDisks"][0]["deleteOption"],
        cards[0]["properties"]["deleteOption"],
    }
    assert cards[0]["properties"]["primary"] is True
    settled = a_vm(**wanted["properties"])
    assert detaching(settled) is None
