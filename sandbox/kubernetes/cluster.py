"""One cluster: the store and those who act on it by themselves.

Touches nothing outside memory. Fills in what a terse world leaves out, so that
``{kind: Node, metadata: {name: a}}`` is a ready node.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from copy import deepcopy

from sandbox.kubernetes import facts
from sandbox.kubernetes.agenda import Agenda
from sandbox.kubernetes.births import Births, running_status
from sandbox.kubernetes.deletions import Deletions
from sandbox.kubernetes.disruption import Disruption, stamp
from sandbox.kubernetes.resources import (
    BUDGETS,
    NAMESPACES,
    NODES,
    PODS,
    RESOURCES,
    Manifest,
    Resource,
    name_of,
    of_manifest,
)
from sandbox.kubernetes.scheduling import with_cordon_taint
from sandbox.kubernetes.store import Change, Store, node_of

ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")
_SPACE = uuid.UUID("6d0c9a6e-3d6b-5d0c-9a55-6e7f0a3a2b11")


class Cluster:
    """A store that lives: pods exit, come back and become ready, nodes get their taints."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = Store()
        self.agenda = Agenda(clock)
        self.disruption = Disruption(self.store, self.agenda)
        self.births = Births(self.store, self.agenda)
        self.deletions = Deletions(self.store, self.agenda, self.births)
        self.store.listeners.append(self._on_change)

    def load(self, objects: Iterable[Manifest]) -> None:
        """Replace everything by these manifests.

        Raises:
            ValueError: a manifest of a kind that is not served, or without a name.
        """
        manifests = [(of_manifest(item), complete(item)) for item in objects]
        self.store.clear()
        self.agenda.clear()
        self.births.clear()
        self.disruption.clear()
        spaces = {name_of(item)[0] for _, item in manifests} - {""}
        named = {name_of(item)[1] for resource, item in manifests if resource is NAMESPACES}
        for space in sorted((spaces | set(ALWAYS_THERE)) - named):
            self.store.put(NAMESPACES, complete(namespace(space)))
        order = {NAMESPACES: 0, NODES: 1, PODS: 3, BUDGETS: 4}
        for resource, item in sorted(manifests, key=lambda pair: order.get(pair[0], 2)):
            self._bring(resource, item)

    def _bring(self, resource: Resource, item: Manifest) -> None:
        if resource is not PODS or item.get("status"):
            stored = self.store.put(resource, item)
            if resource is PODS and facts.is_terminating(stored):
                self.deletions.resume(stored)
        elif node_of(item):
            self.store.put(PODS, {**item, "status": running_status(item)})
        else:
            self.births.create(item)

    def apply(self, objects: Iterable[Manifest]) -> None:
        """Put manifests in, in place of those of the same kind and name.

        Raises:
            ValueError: a manifest of a kind that is not served, or without a name.
        """
        for item in objects:
            made = complete(item)
            space = name_of(made)[0]
            if space and self.store.get(NAMESPACES, ("", space)) is None:
                self.store.put(NAMESPACES, complete(namespace(space)))
            self._bring(of_manifest(made), made)

    def dump(self) -> list[Manifest]:
        """Return every object as a manifest of its own, kind by kind and name by name."""
        self.agenda.run_due()
        return [
            deepcopy(manifest)
            for resource in RESOURCES
            for _, manifest in sorted(self.store.all(resource).items())
        ]

    def is_ending(self, namespace_name: str) -> bool:
        """Whether a namespace is being deleted."""
        found = self.store.get(NAMESPACES, ("", namespace_name))
        return found is not None and (found.get("status") or {}).get("phase") == "Terminating"

    def _on_change(self, change: Change) -> None:
        if change.resource is not NODES:
            return
        if change.event == "DELETED":
            self.deletions.collect(name_of(change.after)[1])
            return
        self.store.put(NODES, with_cordon_taint(change.after))
        self.births.bind_waiting()


def namespace(name: str) -> Manifest:
    """Write the manifest of an active namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def complete(item: Manifest) -> Manifest:
    """Return a copy with uid, creation time and the usual status where they are missing.

    The uid comes from the kind and the name, so one world always has the same uids.

    Raises:
        ValueError: the manifest has no name.
    """
    resource, made = of_manifest(item), deepcopy(item)
    metadata = made.setdefault("metadata", {})
    if not metadata.get("name"):
        raise ValueError(f"a {resource.kind} without metadata.name")
    if resource.is_namespaced:
        metadata.setdefault("namespace", "default")
    where = "/".join((resource.qualified, *name_of(made)))
    metadata.setdefault("uid", str(uuid.uuid5(_SPACE, where)))
    metadata.setdefault("creationTimestamp", stamp())
    if resource in (PODS, BUDGETS):
        made.setdefault("spec", {})
    if resource is BUDGETS:
        metadata.setdefault("generation", 1)
    if resource is NAMESPACES:
        made.setdefault("status", {"phase": "Active"})
    if resource is NODES and not facts.condition(made, "Ready"):
        made["status"] = {**(made.get("status") or {}), "conditions": _ready_node(made)}
    return made


def _ready_node(node: Manifest) -> list[Manifest]:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": stamp(),
        "lastTransitionTime": stamp(),
    }
    return facts.with_condition(node, ready)
