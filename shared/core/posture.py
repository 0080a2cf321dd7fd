"""What posture surveys share: reading documents strictly, and whose a child is.

A value of an odd shape raises, so that the document is named as unread. Where something
is concluded from absence, an odd document must never look like none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.core.protection import MONITOR_DISABLE, MONITOR_DISABLE_VALUES
from shared.core.surveys import Kept, Listing, Seen

Document = Mapping[str, Any]


def part(document: Document, *names: str) -> Document:
    """Return an object inside a document; an empty one where there is none.

    Raises:
        ValueError: Something else stands there.
    """
    found = document
    for name in names:
        inner = found.get(name)
        if inner is None:
            return {}
        if not isinstance(inner, Mapping):
            raise ValueError(f"{name} is no object")  # noqa: TRY004 - one kind of error
        found = inner
    return found


def parts(document: Document, name: str) -> Sequence[Document]:
    """Return a list of objects inside a document; an empty one where there is none.

    Raises:
        ValueError: Something else stands there.
    """
    found = document.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ValueError(f"{name} is no list of objects")
    return found


def word(document: Document, name: str) -> str:
    """Return a text inside a document; empty where there is none.

    Raises:
        ValueError: Something else stands there.
    """
    found = document.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"{name} is no text")
    return found or ""


def owner_of(child: str, marker: str) -> str:
    """Return the folded id of the resource that a child's id is written under.

    Raises:
        ValueError: The marker is not in the id.
    """
    owner, found, _ = child.casefold().partition(marker.casefold())
    if not found or not owner:
        raise ValueError(f"it is under no resource: {marker} is not in its id")
    return owner


def by_owner(children: Iterable[Kept], marker: str) -> Mapping[str, Sequence[Kept]]:
    """Sort children by the folded id of whose they are."""
    found: dict[str, list[Kept]] = {}
    for child in children:
        found.setdefault(owner_of(child.id, marker), []).append(child)
    return found


def is_left_alone(item: Kept) -> bool:
    """Tell whether its owner took it out of the baseline by a tag."""
    return any(
        name.casefold() == MONITOR_DISABLE
        and value.strip().casefold() in MONITOR_DISABLE_VALUES
        for name, value in item.tags.items()
    )


def is_of_aks(item: Kept) -> bool:
    """Tell whether AKS made it; what watches the cluster watches it.

    Source: https://learn.microsoft.com/azure/aks/use-tags
    """
    return any(name.casefold().startswith("aks-managed-") for name in item.tags)


def graph_of(kind: str, *, table: str = "resources", tags: bool = False) -> str:
    """Write the Resource Graph query for all resources of one type."""
    more = ", location, tags" if tags else ""
    return f"{table} | where type =~ '{kind}' | project id, properties{more}"


def seen_of(
    subscription: str,
    reads: Mapping[str, Listing],
    said: Mapping[str, Iterable[Document]],
    points: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> Seen:
    """Make what a survey sees of documents, for its examples."""
    items = {
        name: [one for document in said.get(name, ()) if (one := listing.keep(document))]
        for name, listing in reads.items()
    }
    return Seen(subscription, items, points=points or {})
