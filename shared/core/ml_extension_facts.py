"""An Azure ML extension as Azure and its cluster show it, and what is the matter with it.

Pure: reads documents and judges them. What cannot be seen (protected settings, the inside
of an Arc cluster) is not judged.

Source: https://learn.microsoft.com/rest/api/kubernetesconfiguration/extensions/get,
https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from shared.core.ml_extension import (
    EXTENSION_TYPE,
    PROTECTED,
    SETTINGS,
    ClusterKind,
    Problem,
    Weight,
    expected,
    problems,
)
from shared.core.moments import read_moment
from shared.core.resource_ids import AKS_CLUSTER, ARC_CLUSTER, EXTENSION, ResourceId
from shared.core.resources import Resource, resource_from_arm, retry_key
from shared.core.workloads import Workload

Document = Mapping[str, Any]
CLUSTER_KINDS: Mapping[str, ClusterKind] = {
    AKS_CLUSTER: ClusterKind.MANAGED,
    ARC_CLUSTER: ClusterKind.CONNECTED,
}
SUCCEEDED = "succeeded"
BROKEN = frozenset({"failed", "canceled"})
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ALIKE = 0.8
_SHORT = 300


@dataclass(frozen=True, slots=True)
class MlExtension:
    """One extension of the type ``Microsoft.AzureML.Kubernetes``.

    Attributes:
        state: ``provisioningState``, folded: ``succeeded``, ``failed``, ``updating``, ...
        protected: Names of the protected settings that Azure shows; their values never.
        errors: What it reports of itself, in its own words.
        changed_at: When somebody last wrote it; None if that is not told.
    """

    id: str
    state: str
    settings: Mapping[str, str] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    version: str = ""
    errors: tuple[str, ...] = ()
    changed_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its name, with which some of its components begin."""
        return ResourceId.parse(self.id).name


@dataclass(frozen=True, slots=True)
class ExtensionFacts:
    """A cluster and the Azure ML extensions on it, or the one that was asked for.

    Attributes:
        resource: What was asked for, with the cluster's tags and place; the cluster is its
            pool.
        kind: ``managedClusters`` or ``connectedClusters``.
        trouble: Why the cluster cannot be worked with (stopped, disconnected), or empty.
        nodes: Nodes of the cluster; None if that is not told.
        extensions: None of them where what was asked for does not exist.
        workloads: What runs in namespace ``azureml``; None where nobody can look: on Arc,
            and on a cluster that does not run.
        repaired: Repairs spent in the present window.
    """

    resource: Resource
    kind: str
    trouble: str = ""
    nodes: int | None = None
    extensions: tuple[MlExtension, ...] = ()
    workloads: tuple[Workload, ...] | None = None
    repaired: int = 0

    @property
    def extension(self) -> MlExtension | None:
        """The one that was asked for, if it is there."""
        is_same = self.resource.id.casefold()
        return next((e for e in self.extensions if e.id.casefold() == is_same), None)


def is_ml_extension(document: Document) -> bool:
    """Tell whether an extension is the one for Azure ML; types are folded by the service."""
    said = _object(document.get("properties")).get("extensionType")
    return isinstance(said, str) and said.casefold() == EXTENSION_TYPE.casefold()


def extension_of(document: Document) -> MlExtension:
    """Read an extension's document.

    Raises:
        ValueError: It has no id, or says no provisioning state.
    """
    found, said = document.get("id"), _object(document.get("properties"))
    state = said.get("provisioningState")
    if not isinstance(found, str) or not isinstance(state, str) or not state:
        raise ValueError("an extension without id or provisioningState")
    settings = _object(said.get("configurationSettings"))
    changed = _object(document.get("systemData")).get("lastModifiedAt")
    return MlExtension(
        id=found,
        state=state.casefold(),
        settings={str(name): str(value) for name, value in settings.items()},
        protected=tuple(_object(said.get("configurationProtectedSettings"))),
        version=str(said.get("currentVersion") or said.get("version") or ""),
        errors=tuple(_errors(said)),
        changed_at=read_moment(changed) if isinstance(changed, str) else None,
    )


def _errors(said: Document) -> list[str]:
    """Collect what is reported: the error, and statuses of the level Error."""
    told = []
    error = _object(said.get("errorInfo"))
    if error.get("code") or error.get("message"):
        told.append(_line(error))
    statuses = said.get("statuses")
    told += [
        _line(one)
        for one in (statuses if isinstance(statuses, list) else [])
        if isinstance(one, Mapping) and str(one.get("level") or "").casefold() == "error"
    ]
    return told


def _line(said: Document) -> str:
    words = (said.get("code"), said.get("displayStatus"), said.get("message"))
    return ": ".join(" ".join(str(one).split()) for one in words if one)[:_SHORT]


def cluster_under(target: str) -> str:
    """Return the id of the cluster that an extension is on, or the cluster's own.

    Raises:
        ValueError: It is neither an extension of a cluster nor a cluster.
    """
    rid = ResourceId.parse(target)
    text = rid.text
    if rid.type == EXTENSION and len(rid.names) == 1:
        text = text[: rid.key.rindex("/providers/")]
    if ResourceId.parse(text).type not in CLUSTER_KINDS:
        raise ValueError(
            f"{target} is no {', '.join(CLUSTER_KINDS)} and no extension of one: write "
            "CLUSTER/providers/Microsoft.KubernetesConfiguration/extensions/NAME"
        )
    return text


def facts_of(
    target: str, cluster: Document, extensions: Iterable[MlExtension]
) -> ExtensionFacts:
    """Put together what was asked for: the cluster speaks for its extensions."""
    rid, owner = ResourceId.parse(target), ResourceId.parse(cluster_under(target))
    kind = CLUSTER_KINDS[owner.type].value
    found = resource_from_arm(cluster, owner.text)
    return ExtensionFacts(
        resource=replace(found, id=rid.text, type=rid.type, name=rid.name, pool=owner.text),
        kind=kind,
        trouble=trouble_of(cluster, kind),
        nodes=nodes_of(cluster),
        extensions=tuple(extensions),
    )


def nodes_of(cluster: Document) -> int | None:
    """Count a cluster's nodes, as ``az k8s-extension`` does; None if it is not told."""
    said = _object(cluster.get("properties"))
    total = said.get("totalNodeCount")
    pools = said.get("agentPoolProfiles")
    if isinstance(pools, list) and pools:
        counts = [_object(pool).get("count") for pool in pools]
        return sum(c for c in counts if type(c) is int) if None not in counts else None
    return total if type(total) is int else None


def trouble_of(cluster: Document, kind: str) -> str:
    """Say why a cluster cannot be worked with; empty if it can.

    Source: https://learn.microsoft.com/azure/aks/start-stop-cluster (powerState),
    https://learn.microsoft.com/azure/azure-arc/kubernetes/conceptual-connectivity-modes
    """
    said = _object(cluster.get("properties"))
    if kind == ClusterKind.CONNECTED:
        state = str(said.get("connectivityStatus") or "Connected")
        return "" if state.casefold() == "connected" else f"the cluster is {state}"
    power = str(_object(said.get("powerState")).get("code") or "Running")
    return "" if power.casefold() == "running" else f"the cluster is {power}"


def judged(extension: MlExtension, kind: str, nodes: int | None) -> tuple[Problem, ...]:
    """Judge settings as they stand on a cluster.

    The installer adds settings of its own, which are no mistakes, and protected ones may
    be there unseen: where none is shown, the certificate pair counts as given.
    """
    names = [row.name for row in SETTINGS.values()]
    given = {
        name: value
        for name, value in extension.settings.items()
        if name.casefold() in SETTINGS
        or name.casefold().startswith("nodeselector.")
        or get_close_matches(name, names, n=1, cutoff=_ALIKE)
    }
    known = tuple(one for one in extension.protected if one in PROTECTED)
    has_secret = any(name.casefold() == "sslsecret" for name in given)
    return problems(
        given, known or (() if has_secret else PROTECTED), ClusterKind(kind), nodes=nodes
    )


def wrong(found: tuple[Problem, ...]) -> tuple[str, ...]:
    """Write what will not work, one line each."""
    return tuple(f"{one.setting}: {one.why}" for one in found if one.weight is Weight.WRONG)


def missing(facts: ExtensionFacts, extension: MlExtension) -> tuple[str, ...]:
    """Say of each expected component that is not ready why; empty if nobody can look."""
    if facts.workloads is None:
        return ()
    there = {(one.kind, one.name): one for one in facts.workloads}
    told = []
    for part in expected(extension.settings, ClusterKind(facts.kind), extension.name):
        found = there.get((part.kind, part.name))
        if found is None:
            told.append(f"{part.kind} {part.name} is not there")
        elif found.ready < found.wanted:
            why = f" ({'; '.join(found.because)})" if found.because else ""
            told.append(f"{part.name}: {found.ready} of {found.wanted} are ready{why}")
    return tuple(told)


def components(facts: ExtensionFacts, extension: MlExtension) -> dict[str, str] | None:
    """Say how each expected component stands; None if nobody can look."""
    if facts.workloads is None:
        return None
    there = {(one.kind, one.name): one for one in facts.workloads}
    shown = {}
    for part in expected(extension.settings, ClusterKind(facts.kind), extension.name):
        found = there.get((part.kind, part.name))
        words = f"{found.ready} of {found.wanted} ready" if found else "not there"
        why = "; ".join(found.because) if found and found.ready < found.wanted else ""
        shown[part.name] = f"{words}: {why}" if why else words
    return shown


def window_key(extension: str, now: datetime, within: timedelta) -> str:
    """Name what counts the repairs of one extension in one window."""
    began = now - (now - _EPOCH) % within
    return retry_key(extension, "ml-extension", f"{began:%Y%m%dT%H%M}")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
