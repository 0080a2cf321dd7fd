"""ARM resource ids: compared without case, read by segment.

Azure mixes the case of ids from one message to the next ("resourcegroups",
lower-cased providers), so equality is on the folded id and the original
spelling is kept for requests and for people.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/overview
(resource ids are case-insensitive).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

VM = "microsoft.compute/virtualmachines"
SCALE_SET = "microsoft.compute/virtualmachinescalesets"
SCALE_SET_VM = "microsoft.compute/virtualmachinescalesets/virtualmachines"
DISK = "microsoft.compute/disks"
SNAPSHOT = "microsoft.compute/snapshots"
RESTORE_COLLECTION = "microsoft.compute/restorepointcollections"
RESTORE_POINT = "microsoft.compute/restorepointcollections/restorepoints"
BATCH_ACCOUNT = "microsoft.batch/batchaccounts"
BATCH_POOL = "microsoft.batch/batchaccounts/pools"
ML_JOB = "microsoft.machinelearningservices/workspaces/jobs"
BATCH_JOB = "microsoft.batch/batchaccounts/jobs"
WORKSPACE = "microsoft.machinelearningservices/workspaces"
ML_COMPUTE = "microsoft.machinelearningservices/workspaces/computes"
ML_ENDPOINT = "microsoft.machinelearningservices/workspaces/onlineendpoints"
ML_DEPLOYMENT = f"{ML_ENDPOINT}/deployments"
AKS_CLUSTER = "microsoft.containerservice/managedclusters"
ARC_CLUSTER = "microsoft.kubernetes/connectedclusters"
EXTENSION = "microsoft.kubernetesconfiguration/extensions"

_SEGMENT = re.compile(r"[^/\x00-\x1f]+")


@dataclass(frozen=True, slots=True)
class ResourceId:
    """One ARM id, taken apart.

    Attributes:
        text: The id as it was written, without a trailing slash.
        type: ``provider/type[/type...]`` of the last provider section, lower case;
            empty for a subscription or a resource group.
        names: The names that go with ``type``, outermost first, as written.
    """

    text: str
    subscription: str = field(compare=False, default="")
    resource_group: str = field(compare=False, default="")
    type: str = field(compare=False, default="")
    names: tuple[str, ...] = field(compare=False, default=())

    @property
    def key(self) -> str:
        """The id folded for comparison."""
        return self.text.casefold()

    @property
    def name(self) -> str:
        """The innermost name; the resource group's or subscription's when there is none."""
        return self.names[-1] if self.names else self.resource_group or self.subscription

    @property
    def parent(self) -> str:
        """The id of the resource that this one lives in, by the type's nesting."""
        if len(self.names) > 1:
            return self.text.rsplit("/", 2)[0]
        return self.text.split("/providers/", 1)[0]

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Take an ARM id apart.

        Raises:
            ValueError: It does not start with ``/subscriptions/`` or has a segment
                without its pair.
        """
        clean = text.strip().rstrip("/")
        parts = clean.split("/")[1:]
        if not clean.startswith("/") or not parts or parts[0].casefold() != "subscriptions":
            raise ValueError(f"{text!r} is not an ARM id: it must start with /subscriptions/")
        if any(not _SEGMENT.fullmatch(part) for part in parts):
            raise ValueError(f"{text!r} is not an ARM id: it has an empty segment")
        head, provider, tail = _split(parts)
        if len(head) % 2 or len(tail) % 2:
            raise ValueError(f"{text!r} is not an ARM id: a segment lacks its pair")
        pairs = dict(zip([h.casefold() for h in head[::2]], head[1::2], strict=True))
        kind = "/".join([provider, *tail[::2]]).casefold() if provider else ""
        return cls(
            text=clean,
            subscription=pairs["subscriptions"],
            resource_group=pairs.get("resourcegroups", ""),
            type=kind,
            names=tuple(tail[1::2]),
        )


def _split(parts: list[str]) -> tuple[list[str], str, list[str]]:
    """Split at the last ``providers``: what is before, the namespace, what is after."""
    folded = [part.casefold() for part in parts]
    if "providers" not in folded:
        return parts, "", []
    first = folded.index("providers")
    last = len(folded) - 1 - folded[::-1].index("providers")
    if last + 1 >= len(parts):
        return parts[:first], "", ["?"]
    return parts[:first], parts[last + 1], parts[last + 2 :]


def same_resource(one: str, other: str) -> bool:
    """Tell whether two ids name one resource, whatever their case."""
    return one.strip().rstrip("/").casefold() == other.strip().rstrip("/").casefold()


def is_a(text: str, kind: str) -> bool:
    """Tell whether a text is the id of a resource of this type."""
    try:
        return ResourceId.parse(text).type == kind
    except ValueError:
        return False
