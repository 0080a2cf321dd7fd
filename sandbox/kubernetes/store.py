"""The objects, their one counter of revisions, their indices and their history.

Decides nothing about what objects mean. Stored manifests are never changed in
place: a writer copies, changes and puts, so that whoever read one keeps it.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.kubernetes.resources import PODS, Manifest, Name, Resource, name_of

HISTORY = 50_000
"""How many changes are kept for watches; older revisions answer 410, as after compaction."""


@dataclass(frozen=True)
class Change:
    """One write. ``before`` lets a watch tell when an object enters or leaves a selection."""

    revision: int
    event: str
    resource: Resource
    after: Manifest
    before: Manifest | None


class Store:
    """Every object of one cluster, in memory."""

    def __init__(self) -> None:
        self.revision = 1
        self.history: deque[Change] = deque(maxlen=HISTORY)
        self.listeners: list[Callable[[Change], None]] = []
        self._objects: dict[str, dict[Name, Manifest]] = defaultdict(dict)
        self._text: dict[tuple[str, Name], str] = {}
        self._by_node: dict[str, set[Name]] = defaultdict(set)
        self._by_label: dict[tuple[str, str, str], set[Name]] = defaultdict(set)
        self._by_owner: dict[str, set[Name]] = defaultdict(set)

    @property
    def oldest_revision(self) -> int:
        """The oldest revision a watch may start from."""
        return self.history[0].revision - 1 if self.history else self.revision

    def get(self, resource: Resource, name: Name) -> Manifest | None:
        """Return one object, or None."""
        return self._objects[resource.qualified].get(name)

    def all(self, resource: Resource) -> dict[Name, Manifest]:
        """Return every object of a kind by name; not to be changed by the caller."""
        return self._objects[resource.qualified]

    def pods_on(self, node: str) -> set[Name]:
        """Return the names of the pods bound to a node."""
        return self._by_node.get(node, set())

    def pods_labelled(self, namespace: str, key: str, value: str) -> set[Name]:
        """Return the names of a namespace's pods with one label."""
        return self._by_label.get((namespace, key, value), set())

    def pods_owned(self, uid: str) -> set[Name]:
        """Return the names of the pods with an owner."""
        return self._by_owner.get(uid, set())

    def text(self, resource: Resource, name: Name) -> str:
        """Return one object as JSON, serialised once a revision."""
        key = (resource.qualified, name)
        if key not in self._text:
            self._text[key] = json.dumps(self._objects[resource.qualified][name])
        return self._text[key]

    def put(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Store an object under the next revision; an equal one changes nothing."""
        name = name_of(manifest)
        before = self.get(resource, name)
        if before is not None and _same(before, manifest):
            return before
        self.revision += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.revision)}
        after = {**manifest, "metadata": metadata}
        self._objects[resource.qualified][name] = after
        self._index(resource, name, before, after)
        self._tell("MODIFIED" if before else "ADDED", resource, after, before)
        return after

    def remove(self, resource: Resource, name: Name) -> Manifest | None:
        """Take an object away under the next revision."""
        before = self._objects[resource.qualified].pop(name, None)
        if before is None:
            return None
        self.revision += 1
        self._index(resource, name, before, None)
        metadata = {**before["metadata"], "resourceVersion": str(self.revision)}
        after = {**before, "metadata": metadata}
        self._tell("DELETED", resource, after, before)
        return after

    def clear(self) -> None:
        """Forget objects and history; revisions go on, so old watches learn they are stale."""
        self.revision += 1
        self.history.clear()
        self._objects.clear()
        self._text.clear()
        self._by_node.clear()
        self._by_label.clear()
        self._by_owner.clear()

    def _tell(
        self, event: str, resource: Resource, after: Manifest, before: Manifest | None
    ) -> None:
        change = Change(self.revision, event, resource, after, before)
        self.history.append(change)
        for listener in tuple(self.listeners):
            listener(change)

    def _index(
        self, resource: Resource, name: Name, before: Manifest | None, after: Manifest | None
    ) -> None:
        self._text.pop((resource.qualified, name), None)
        if resource is not PODS:
            return
        for pod, change in ((before, set.discard), (after, set.add)):
            if pod is not None:
                for entry in self._entries(name, pod):
                    change(entry, name)

    def _entries(self, name: Name, pod: Manifest) -> Iterator[set[Name]]:
        yield self._by_node[node_of(pod)]
        for key, value in (pod["metadata"].get("labels") or {}).items():
            yield self._by_label[(name[0], key, value)]
        for owner in pod["metadata"].get("ownerReferences") or ():
            yield self._by_owner[owner["uid"]]


def node_of(pod: Manifest) -> str:
    """Return the node a pod is bound to, or ""."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def _same(before: Manifest, after: Manifest) -> bool:
    version = {"resourceVersion": before["metadata"]["resourceVersion"]}
    return before == {**after, "metadata": {**after["metadata"], **version}}
