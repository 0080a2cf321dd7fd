"""Pods that come into being: created, bound to a node, started, replaced.

Plays kubelet's start and the controllers that keep pods there. A pod becomes
ready ``sandbox.nightshift/ready-after`` (300 ms) after it is bound.
"""

import secrets
import uuid
from copy import deepcopy

from sandbox.kubernetes import facts
from sandbox.kubernetes.agenda import Agenda
from sandbox.kubernetes.disruption import stamp
from sandbox.kubernetes.resources import (
    DAEMON_SETS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    Manifest,
    Name,
    controller_of,
    name_of,
)
from sandbox.kubernetes.scheduling import pick_node
from sandbox.kubernetes.store import Store, node_of

READY_AFTER = 0.3
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_REPLACED_WHEN_MARKED = ("ReplicaSet", "ReplicationController", "Job")
_REPLACED_WHEN_GONE = ("DaemonSet", "StatefulSet", "Node")


def suffix() -> str:
    """Make the five letters that end a generated name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def running_status(pod: Manifest) -> Manifest:
    """Build the status of a pod whose containers all run and are ready."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "startTime": stamp(),
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": stamp()} for kind in kinds
        ],
        "containerStatuses": [
            {
                "name": c.get("name", ""),
                "image": c.get("image", ""),
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": stamp()}},
            }
            for c in containers
        ],
    }


class Births:
    """Creates, binds, starts and replaces pods."""

    def __init__(self, store: Store, agenda: Agenda) -> None:
        self._store = store
        self._agenda = agenda
        self._waiting: set[Name] = set()
        self._replaced: set[str] = set()
        self.gone_owners: set[str] = set()

    def clear(self) -> None:
        """Forget whom was waited for and who was replaced."""
        self._waiting.clear()
        self._replaced.clear()
        self.gone_owners.clear()

    def create(self, pod: Manifest) -> Manifest:
        """Store a new pod as Pending, and bind and start it as a cluster would."""
        name = name_of(pod)
        stored = self._store.put(PODS, {**pod, "status": {"phase": "Pending"}})
        if node_of(stored):
            self._start(stored)
        else:
            self._waiting.add(name)
            self.bind_waiting()
        return self._store.get(PODS, name) or stored

    def bind_waiting(self) -> None:
        """Bind every pod that waits for a node, as far as nodes accept them."""
        for name in sorted(self._waiting):
            pod = self._store.get(PODS, name)
            if pod is None or node_of(pod) or facts.is_terminating(pod):
                self._waiting.discard(name)
                continue
            node = pick_node(self._store, pod)
            if node is None:
                self._say_unschedulable(pod)
                continue
            self._waiting.discard(name)
            spec = {**pod["spec"], "nodeName": node}
            self._start(self._store.put(PODS, {**pod, "spec": spec}))

    def _say_unschedulable(self, pod: Manifest) -> None:
        entry = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": f"0/{len(self._store.all(NODES))} nodes are available",
        }
        status = {**pod["status"], "conditions": facts.with_condition(pod, entry)}
        self._store.put(PODS, {**pod, "status": status})

    def _start(self, pod: Manifest) -> None:
        name, uid = name_of(pod), pod["metadata"]["uid"]
        delay = facts.annotated_seconds(pod, "ready-after", READY_AFTER)
        self._agenda.after(delay, lambda: self._become_ready(name, uid))

    def _become_ready(self, name: Name, uid: str) -> None:
        pod = self._store.get(PODS, name)
        if pod is None or pod["metadata"]["uid"] != uid or facts.is_terminating(pod):
            return
        self._store.put(PODS, {**pod, "status": running_status(pod)})

    def replace_marked(self, pod: Manifest) -> None:
        """Replace a pod whose deletion was accepted, if its controller does not wait.

        A ReplicaSet counts a terminating pod as gone; so does a Job by default.

        Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_utils.go
        """
        self._replace(pod, _REPLACED_WHEN_MARKED)

    def replace_gone(self, pod: Manifest) -> None:
        """Replace a pod that is gone, once in all."""
        self._replace(pod, _REPLACED_WHEN_MARKED + _REPLACED_WHEN_GONE)

    def _replace(self, pod: Manifest, kinds: tuple[str, ...]) -> None:
        owner, uid = controller_of(pod), pod["metadata"]["uid"]
        if owner is None or owner["kind"] not in kinds or uid in self._replaced:
            return
        if not self._is_wanted(pod, owner):
            return
        self._replaced.add(uid)
        self.create(_successor(pod, owner["kind"]))

    def _is_wanted(self, pod: Manifest, owner: Manifest) -> bool:
        namespace, kind = name_of(pod)[0], owner["kind"]
        home = self._store.get(NAMESPACES, ("", namespace))
        if owner["uid"] in self.gone_owners or (home and facts.is_terminating(home)):
            return False
        if kind == "DaemonSet" and not self._store.get(
            DAEMON_SETS, (namespace, owner["name"])
        ):
            return False
        if kind in ("DaemonSet", "Node"):
            return self._store.get(NODES, ("", node_of(pod))) is not None
        if kind != "StatefulSet" and facts.is_finished(pod):
            return False
        found = self._store.get(REPLICA_SETS, (namespace, owner["name"]))
        replicas = (found.get("spec") or {}).get("replicas") if found else None
        return replicas is None or self._active(owner["uid"]) < int(replicas)

    def _active(self, uid: str) -> int:
        pods = [self._store.all(PODS)[name] for name in self._store.pods_owned(uid)]
        return sum(not facts.is_terminating(p) and not facts.is_finished(p) for p in pods)


def _successor(pod: Manifest, kind: str) -> Manifest:
    """Make the pod that takes another's place: new uid, new name unless it is fixed."""
    old, spec = pod["metadata"], deepcopy(pod.get("spec") or {})
    name, prefix = old["name"], old.get("generateName") or old["name"].rpartition("-")[0] + "-"
    if kind not in ("DaemonSet", "Node"):
        spec.pop("nodeName", None)
    kept = ("namespace", "labels", "annotations", "ownerReferences", "finalizers")
    metadata = {key: deepcopy(old[key]) for key in kept if old.get(key)}
    metadata["name"] = name
    if kind not in ("StatefulSet", "Node"):
        metadata |= {"name": prefix + suffix(), "generateName": prefix}
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp()}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
