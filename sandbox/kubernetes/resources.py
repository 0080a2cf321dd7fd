"""Which kinds the stand-in serves, and under which paths and names.

Touches nothing: a table and its look-ups. A kind that is not here does not
exist for clients, exactly as on a cluster without that API group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
Name = tuple[str, str]
"""(namespace, name); the namespace is "" for cluster-scoped objects."""

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")
COMMON_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True)
class Resource:
    """One served kind. ``fields``: selectors it accepts beyond the common ones."""

    group: str
    version: str
    plural: str
    kind: str
    is_namespaced: bool = True
    short_names: tuple[str, ...] = ()
    has_status: bool = True
    fields: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """What objects of this kind carry as ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name error messages use: ``pods``, ``daemonsets.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


PODS = Resource(
    "", "v1", "pods", "Pod", short_names=("po",),
    fields=("spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
            "spec.serviceAccountName", "status.phase", "status.podIP"),
)  # fmt: skip
NODES = Resource(
    "", "v1", "nodes", "Node", is_namespaced=False, short_names=("no",),
    fields=("spec.unschedulable",),
)  # fmt: skip
NAMESPACES = Resource(
    "", "v1", "namespaces", "Namespace", is_namespaced=False, short_names=("ns",),
    fields=("status.phase",),
)  # fmt: skip
EVENTS = Resource(
    "", "v1", "events", "Event", short_names=("ev",), has_status=False,
    fields=("involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
            "involvedObject.uid", "involvedObject.apiVersion",
            "involvedObject.resourceVersion", "involvedObject.fieldPath",
            "reason", "reportingComponent", "source", "type"),
)  # fmt: skip
CONFIG_MAPS = Resource(
    "", "v1", "configmaps", "ConfigMap", short_names=("cm",), has_status=False
)
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", short_names=("ds",))
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", short_names=("deploy",))
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", short_names=("rs",))
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", short_names=("sts",))
JOBS = Resource("batch", "v1", "jobs", "Job")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", has_status=False)
BUDGETS = Resource(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short_names=("pdb",)
)

RESOURCES: tuple[Resource, ...] = (
    CONFIG_MAPS, EVENTS, NAMESPACES, NODES, PODS, DAEMON_SETS, DEPLOYMENTS, REPLICA_SETS,
    STATEFUL_SETS, JOBS, LEASES, BUDGETS,
)  # fmt: skip

_BY_KIND = {(r.api_version, r.kind): r for r in RESOURCES}
_BY_PATH = {(r.group, r.version, r.plural): r for r in RESOURCES}


def of_manifest(manifest: Manifest) -> Resource:
    """Find the resource a manifest belongs to.

    Raises:
        ValueError: the stand-in does not serve this kind; the message names those it does.
    """
    wanted = (str(manifest.get("apiVersion")), str(manifest.get("kind")))
    found = _BY_KIND.get(wanted)
    if found is None:
        served = ", ".join(f"{r.api_version} {r.kind}" for r in RESOURCES)
        raise ValueError(f"no kind {wanted[0]} {wanted[1]} here; served are {served}")
    return found


def of_path(group: str, version: str, plural: str) -> Resource | None:
    """Find the resource served under a group, version and plural name."""
    return _BY_PATH.get((group, version, plural))


def name_of(manifest: Manifest) -> Name:
    """Where a manifest lives: (namespace or "", name)."""
    metadata = manifest.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def controller_of(manifest: Manifest) -> Manifest | None:
    """Return the owner reference that is the object's controller, as kubectl looks for it."""
    owners: Sequence[Manifest] = (manifest.get("metadata") or {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)
