"""Pods and other objects that go: graceful termination, finalizers, cascades.

Plays kubelet's stop, the garbage collector, the pod collector of lost nodes
and the namespace controller. A pod is gone after the shortest of its accepted
grace and ``sandbox.nightshift/exits-after`` (200 ms). On a node whose Ready is
Unknown nobody confirms an exit: the pod stays until the node is back or gone.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from datetime import UTC, datetime, timedelta
from functools import partial

from sandbox.kubernetes import facts
from sandbox.kubernetes.agenda import Agenda
from sandbox.kubernetes.births import Births
from sandbox.kubernetes.resources import (
    NAMESPACES,
    NODES,
    PODS,
    RESOURCES,
    Manifest,
    Name,
    Resource,
    name_of,
)
from sandbox.kubernetes.store import Store, node_of

EXITS_AFTER = 0.2
_RETRY = 0.5
_JOB_TRACKING = "batch.kubernetes.io/job-tracking"
_STAMP = "%Y-%m-%dT%H:%M:%SZ"


class Deletions:
    """Carries deletions out."""

    def __init__(self, store: Store, agenda: Agenda, births: Births) -> None:
        self._store = store
        self._agenda = agenda
        self._births = births

    def delete(self, resource: Resource, name: Name, grace: int | None = None) -> Manifest:
        """Accept a deletion and return the object as the client is shown it.

        Args:
            resource: The kind.
            name: The object, which must exist.
            grace: Seconds for a pod to end in; None is the pod's own.
        """
        found = self._store.all(resource)[name]
        if resource is PODS:
            return self._terminate(found, grace)
        if resource is NAMESPACES:
            return self._empty(found)
        if found["metadata"].get("finalizers"):
            return self._mark(resource, found, 0)
        return self._remove(resource, found)

    def settle(self, resource: Resource, manifest: Manifest) -> None:
        """Remove an object whose deletion only waited for its finalizers."""
        metadata = manifest["metadata"]
        is_due = metadata.get("deletionGracePeriodSeconds") == 0
        if facts.is_terminating(manifest) and is_due and not metadata.get("finalizers"):
            self._remove(resource, manifest)

    def resume(self, pod: Manifest) -> None:
        """Go on with a pod that a world brings as terminating already."""
        self._expect_exit(pod, int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def collect(self, node: str) -> None:
        """Remove the pods of a node that is gone."""
        for name in sorted(self._store.pods_on(node)):
            pod = self._store.all(PODS)[name]
            self._agenda.after(EXITS_AFTER, partial(self._finish, pod))

    def _terminate(self, pod: Manifest, grace: int | None) -> Manifest:
        """Start a pod's end, or shorten it; never start the clock of a running one again.

        Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go
        """
        seconds = facts.grace_of(pod) if grace is None else grace
        if not node_of(pod) or facts.is_finished(pod):
            seconds = 0
        if facts.is_terminating(pod):
            left = int(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            if (grace is None and seconds) or seconds >= left:
                return pod
        if seconds <= 0:
            return self._finish(pod)
        marked = self._mark(PODS, pod, seconds)
        self._expect_exit(marked, seconds)
        self._births.replace_marked(marked)
        return marked

    def _mark(self, resource: Resource, manifest: Manifest, seconds: int) -> Manifest:
        was = manifest["metadata"].get("deletionTimestamp")
        since = manifest["metadata"].get("deletionGracePeriodSeconds") or 0
        start = datetime.now(UTC)
        if was:
            start = datetime.strptime(was, _STAMP).replace(tzinfo=UTC) - timedelta(
                seconds=since
            )
        metadata = {
            **manifest["metadata"],
            "deletionTimestamp": (start + timedelta(seconds=seconds)).strftime(_STAMP),
            "deletionGracePeriodSeconds": seconds,
        }
        return self._store.put(resource, {**manifest, "metadata": metadata})

    def _expect_exit(self, pod: Manifest, seconds: int) -> None:
        delay = min(seconds, facts.annotated_seconds(pod, "exits-after", EXITS_AFTER))
        name, uid = name_of(pod), pod["metadata"]["uid"]
        self._agenda.after(delay, lambda: self._exit(name, uid))

    def _exit(self, name: Name, uid: str) -> None:
        pod = self._store.get(PODS, name)
        if pod is None or pod["metadata"]["uid"] != uid:
            return
        node = self._store.get(NODES, ("", node_of(pod)))
        if node is not None and facts.condition(node, "Ready") == "Unknown":
            self._agenda.after(_RETRY, lambda: self._exit(name, uid))
        else:
            self._finish(pod)

    def _finish(self, pod: Manifest) -> Manifest:
        """Take a pod away, unless finalizers hold it; the Job controller drops its own."""
        found = self._store.get(PODS, name_of(pod))
        if found is None or found["metadata"]["uid"] != pod["metadata"]["uid"]:
            return pod
        kept = [f for f in found["metadata"].get("finalizers") or () if f != _JOB_TRACKING]
        if kept:
            metadata = {**found["metadata"], "finalizers": kept}
            return self._mark(PODS, {**found, "metadata": metadata}, 0)
        return self._remove(PODS, found)

    def _remove(self, resource: Resource, manifest: Manifest) -> Manifest:
        gone = self._store.remove(resource, name_of(manifest)) or manifest
        if resource is PODS:
            self._births.replace_gone(gone)
        else:
            self._remove_dependents(gone)
        return gone

    def _remove_dependents(self, owner: Manifest) -> None:
        """Delete what the object owned; its pods get no successors."""
        uid = owner["metadata"]["uid"]
        self._births.gone_owners.add(uid)
        for name in sorted(self._store.pods_owned(uid)):
            self.delete(PODS, name)
        for resource in RESOURCES:
            for name, manifest in tuple(self._store.all(resource).items()):
                owners = manifest["metadata"].get("ownerReferences") or ()
                if resource is not PODS and any(o["uid"] == uid for o in owners):
                    self.delete(resource, name)

    def _empty(self, namespace: Manifest) -> Manifest:
        """Begin a namespace's end: everything in it goes first."""
        if facts.is_terminating(namespace):
            return namespace
        ending = {**namespace, "status": {"phase": "Terminating"}}
        marked = self._mark(NAMESPACES, ending, 0)
        self._agenda.after(0, lambda: self._sweep(marked))
        return marked

    def _sweep(self, namespace: Manifest) -> None:
        _, where = name_of(namespace)
        left = 0
        for resource in RESOURCES:
            for name in sorted(
                n for n in self._store.all(resource) if n[0] == where and where
            ):
                if name in self._store.all(resource):
                    self.delete(resource, name)
                    left += name in self._store.all(resource)
        if left:
            self._agenda.after(_RETRY, lambda: self._sweep(namespace))
        else:
            self._store.remove(NAMESPACES, ("", where))
