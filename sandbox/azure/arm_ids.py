"""Azure resource ids, taken apart. Decides nothing about what exists.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from dataclasses import dataclass

_SHORTEST = 3  # "/subscriptions/{s}", and namespace, type and name


@dataclass(frozen=True, slots=True)
class ArmId:
    """One resource id in its parts; names keep the case they were written in."""

    text: str
    subscription: str
    resource_group: str | None
    type: str
    names: tuple[str, ...]
    scope: str

    @property
    def name(self) -> str:
        """The last name: what the resource itself is called."""
        return self.names[-1]

    @property
    def key(self) -> str:
        """The form under which ids are compared: Azure ignores their case."""
        return self.text.lower()


def parse(text: str) -> ArmId | None:
    """Take a full resource id apart, or answer None if it is not one.

    The type of an extension resource (a lock on a VM) is that of the last
    ``/providers/``; what stands before it is the scope.
    """
    parts = text.split("/")
    if (
        len(parts) < _SHORTEST
        or parts[0]
        or parts[1].lower() != "subscriptions"
        or "" in parts[1:]
    ):
        return None
    group = None
    rest = parts[3:]
    if rest[1:] and rest[0].lower() == "resourcegroups":
        group, rest = rest[1], rest[2:]
    if not rest:
        kind = (
            "Microsoft.Resources/resourceGroups"
            if group
            else "Microsoft.Resources/subscriptions"
        )
        return ArmId(text, parts[2], group, kind, (group or parts[2],), "")
    lowered = [part.lower() for part in parts]
    if rest[0].lower() != "providers":
        return None
    at = len(lowered) - 1 - lowered[::-1].index("providers")
    tail = parts[at + 1 :]
    if len(tail) < _SHORTEST or len(tail) % 2 == 0:
        return None
    kind = "/".join([tail[0], *tail[1::2]])
    return ArmId(text, parts[2], group, kind, tuple(tail[2::2]), "/".join(parts[:at]))


def parent(text: str) -> str:
    """Give the id one type/name pair up: the scale set of an instance."""
    return text.rsplit("/", 2)[0]
