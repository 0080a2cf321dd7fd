"""Which objects a GET of a collection means, and which chunk of them.

Decides selection and order; the indices make a node's or a label's pods quick
to find among tens of thousands.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.kubernetes.errors import bad_request, expired
from sandbox.kubernetes.resources import PODS, Manifest, Name
from sandbox.kubernetes.routes import Target
from sandbox.kubernetes.selectors import (
    FieldSelector,
    LabelSelector,
    parse_fields,
    parse_labels,
)
from sandbox.kubernetes.store import Store


@dataclass(frozen=True)
class Selection:
    """What a list or a watch is about."""

    target: Target
    labels: LabelSelector
    fields: FieldSelector

    @classmethod
    def of(cls, target: Target, query: Mapping[str, str]) -> "Selection":
        """Read a request's selectors.

        Raises:
            ApiError: 400 for a selector that cannot be read.
        """
        labels = parse_labels(query.get("labelSelector", ""))
        return cls(
            target, labels, parse_fields(query.get("fieldSelector", ""), target.resource)
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether selectors leave objects out."""
        return bool(self.labels.requirements or self.fields.terms)

    def matches(self, manifest: Manifest | None) -> bool:
        """Say whether an object is meant."""
        if manifest is None:
            return False
        metadata, target = manifest["metadata"], self.target
        return (
            target.namespace in ("", metadata.get("namespace"))
            and target.name in ("", metadata["name"])
            and self.labels.matches(metadata.get("labels") or {})
            and self.fields.matches(manifest)
        )

    def names(self, store: Store) -> list[Name]:
        """Return the names of the objects meant, in the order the real server lists them."""
        found = store.all(self.target.resource)
        return sorted(name for name in self._candidates(store) if self.matches(found[name]))

    def _candidates(self, store: Store) -> Iterable[Name]:
        if self.target.resource is not PODS:
            return store.all(self.target.resource)
        if node := self.fields.equal_to("spec.nodeName"):
            return store.pods_on(node)
        equal = [term for term in self.labels.requirements or () if term.is_equality]
        if self.target.namespace and equal:
            value = next(iter(equal[0].values))
            return store.pods_labelled(self.target.namespace, equal[0].key, value)
        return store.all(PODS)


@dataclass(frozen=True)
class Page:
    """One chunk of a list."""

    names: list[Name]
    revision: int
    token: str = ""
    remaining: int | None = None

    def metadata(self) -> Manifest:
        """Write the list's metadata."""
        body: Manifest = {"resourceVersion": str(self.revision)}
        if self.token:
            body["continue"] = self.token
        if self.remaining is not None:
            body["remainingItemCount"] = self.remaining
        return body


def page(store: Store, selection: Selection, query: Mapping[str, str]) -> Page:
    """Cut one chunk: at most ``limit`` objects after the ``continue`` token.

    Objects are those of now, under the revision of the first chunk; the real
    server's chunks all show that revision's objects.

    Raises:
        ApiError: 400 for a limit or token that cannot be read, 410 for a token too old.
    """
    limit, revision, start = _limit(query), store.revision, None
    if query.get("continue"):
        revision, start = _read_token(query["continue"], store)
    names = selection.names(store)
    if start is not None:
        names = [name for name in names if name > start]
    if not limit or len(names) <= limit:
        return Page(names, revision)
    remaining = None if selection.is_narrowed else len(names) - limit
    return Page(names[:limit], revision, _token(revision, names[limit - 1]), remaining)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit") or "0"
    if not text.isdigit():
        raise bad_request(f"limit must be a whole number of objects, not {text!r}")
    return int(text)


def _token(revision: int, last: Name) -> str:
    body = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(last)})
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _read_token(token: str, store: Store) -> tuple[int, Name]:
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = int(body["rv"]), str(body["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as problem:
        raise bad_request("continue key is not valid") from problem
    if revision < store.oldest_revision:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. "
            "You must start a new list without the continue parameter."
        )
    namespace, _, name = start.partition("/")
    return revision, (namespace, name)
