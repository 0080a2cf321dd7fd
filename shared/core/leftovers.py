"""What is left over: paid for, and used by nobody. Judged from the document alone.

Nothing is removed for being left over. It is marked with a date first, its owner is told,
and when the date has passed it is looked at again.

Source: https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks
(diskState), https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/get,
https://learn.microsoft.com/rest/api/virtualnetwork/public-ip-addresses/get,
https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/get
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from shared.core.moments import read_moment
from shared.core.resource_ids import DISK, SCALE_SET, SNAPSHOT
from shared.core.resources import Resource, resource_from_arm

Document = Mapping[str, Any]
NIC = "microsoft.network/networkinterfaces"
PUBLIC_IP = "microsoft.network/publicipaddresses"
MARK_TAG = "nightshift-remove-after"
EXPIRY_TAG = "expires-on"
"""Tag in which people say until when they want something: a date, or a moment."""
LEFT_OVER, EXPIRED = "left_over", "expired"
_MANAGED_PREFIX = "aks-managed-"
_NIC_OWNERS = (
    "virtualMachine",
    "privateEndpoint",
    "privateLinkService",
    "virtualMachineScaleSet",
)
_IP_OWNERS = (
    "ipConfiguration",
    "natGateway",
    "servicePublicIPAddress",
    "linkedPublicIPAddress",
)


@dataclass(frozen=True, slots=True)
class LeftoverFacts:
    """A resource of a kind that can be left over.

    Attributes:
        left_over: Why it is, in words; empty if somebody uses it.
        expires_on: Until when its owner wants it, from the tag ``expires-on``.
        remove_after: Our mark as it stands in the tag, empty if there is none.
        age_known: Since when nobody has it, or since when it is there, if that is told.
    """

    resource: Resource
    left_over: str
    expires_on: datetime | None = None
    remove_after: str = ""
    age_known: datetime | None = None

    @property
    def id(self) -> str:
        """Full ARM id."""
        return self.resource.id


def _disk(document: Document) -> str:
    state = _properties(document).get("diskState")
    return "no machine has it" if state == "Unattached" else ""


def _nic(document: Document) -> str:
    held = any(_properties(document).get(owner) for owner in _NIC_OWNERS)
    return "" if held else "no machine and no endpoint has it"


def _address(document: Document) -> str:
    held = any(_properties(document).get(owner) for owner in _IP_OWNERS)
    return "" if held else "nothing answers at it"


def _scale_set(document: Document) -> str:
    """Judge a scale set: empty, and sized by nobody else."""
    sku = document.get("sku")
    capacity = sku.get("capacity") if isinstance(sku, Mapping) else None
    if capacity != 0 or type(capacity) is not int:
        return ""
    if document.get("managedBy") or any(
        name.casefold().startswith(_MANAGED_PREFIX) for name in _tags(document)
    ):
        return ""
    return "it has no machines"


def _snapshot(_document: Document) -> str:
    """Say nothing: it is judged among the others, by ``shared.core.old_snapshots``."""
    return ""


KINDS: Mapping[str, Callable[[Document], str]] = MappingProxyType(
    {
        DISK: _disk,
        NIC: _nic,
        PUBLIC_IP: _address,
        SCALE_SET: _scale_set,
        SNAPSHOT: _snapshot,
    }
)
"""Type to what says why it is left over; only these types are ever removed."""


def why_left_over(kind: str, document: Document) -> str:
    """Say why a resource is left over; empty if it is used, or of no kind that can be."""
    judge = KINDS.get(kind)
    return judge(document) if judge else ""


def facts_of(resource: Resource, document: Document) -> LeftoverFacts:
    """Read the facts of one resource from its document."""
    said = _properties(document)
    since = said.get("LastOwnershipUpdateTime") or said.get("timeCreated")
    return LeftoverFacts(
        resource=resource,
        left_over=why_left_over(resource.type, document),
        expires_on=expiry(resource.tags),
        remove_after=tag(resource.tags, MARK_TAG),
        age_known=_moment(since),
    )


def why_removable(facts: LeftoverFacts, now: datetime) -> str:
    """Say for which reason it may go: ``left_over``, ``expired``, or empty for none.

    What is in use goes only as a whole, and only past its owner's own date: a scale set
    with its machines. A disk or an address that somebody has cannot be deleted anyway.
    """
    is_past = facts.expires_on is not None and facts.expires_on <= now
    if is_past and (facts.left_over or facts.resource.type == SCALE_SET):
        return EXPIRED
    wanted_yet = facts.expires_on is not None and not is_past
    return LEFT_OVER if facts.left_over and not wanted_yet else ""


def expiry(tags: Mapping[str, str]) -> datetime | None:
    """Return until when the owner wants it; None if no tag says so, or none we can read."""
    return _moment(tag(tags, EXPIRY_TAG))


def tag(tags: Mapping[str, str], name: str) -> str:
    """Return a tag's value, whatever the case of its name."""
    return next((v.strip() for k, v in tags.items() if k.casefold() == name), "")


def marked_until(text: str) -> datetime | None:
    """Read our mark; None if it is no moment: then nothing may be removed by it."""
    return _moment(text)


def _moment(value: object) -> datetime | None:
    try:
        return read_moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _properties(document: Document) -> Mapping[str, Any]:
    said = document.get("properties")
    return said if isinstance(said, Mapping) else {}


def _tags(document: Document) -> Mapping[str, Any]:
    tags = document.get("tags")
    return tags if isinstance(tags, Mapping) else {}


def keep_if_left_over(document: Document) -> LeftoverFacts | None:
    """Keep what is left over or was marked as such; the rest of a list is of no concern.

    Raises:
        ValueError: It has no id.
    """
    asked = document.get("id")
    if not isinstance(asked, str):
        raise ValueError("it has no id")  # noqa: TRY004 - one kind of error
    facts = facts_of(resource_from_arm(document, asked), document)
    return facts if facts.left_over or facts.remove_after else None


def told(facts: LeftoverFacts, now: datetime) -> str:
    """Say in a sentence what was seen of a leftover."""
    if not facts.left_over:
        return f"marked to be removed after {facts.remove_after}, and used again"
    since = facts.age_known
    age = f", for {(now - since) / timedelta(days=1):.0f} days" if since else ""
    mark = f"; marked until {facts.remove_after}" if facts.remove_after else ""
    return f"{facts.left_over}{age}{mark}"
