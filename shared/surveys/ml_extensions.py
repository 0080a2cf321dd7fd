"""Azure ML extensions on AKS and Arc: failed ones, wrong settings, and those to look into.

A list shows an extension's state and settings. Whether its components run, only its
cluster's API server knows; so each one on AKS is named for ``repair_extension`` to look.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.leftovers import tag
from shared.core.ml_extension import ClusterKind, Weight
from shared.core.ml_extension_facts import (
    BROKEN,
    CLUSTER_KINDS,
    MlExtension,
    extension_of,
    is_ml_extension,
    judged,
    nodes_of,
    trouble_of,
    wrong,
)
from shared.core.resource_ids import ResourceId
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

GUIDANCE = (
    "https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension"
)
_PATH = "/subscriptions/{subscription}/providers/"
_UNDER = "{id}/providers/Microsoft.KubernetesConfiguration/extensions"
_API = "2025-03-01"
ON = {"aks": "on_aks", "arc": "on_arc"}
DECLARED = "nightshift-ml-extension"
"""Tag of an AKS cluster that names the extension it is to bear."""


def keep_cluster(document: Mapping[str, Any]) -> Kept:
    """Keep a cluster's kind, its nodes, and whether it runs."""
    item = kept(document)
    kind = CLUSTER_KINDS[ResourceId.parse(item.id).type].value
    more = {"kind": kind, "nodes": nodes_of(document), "trouble": trouble_of(document, kind)}
    return kept(document, **more)


def keep_extension(document: Mapping[str, Any]) -> MlExtension | None:
    """Keep extensions of Azure ML."""
    return extension_of(document) if is_ml_extension(document) else None


def look(seen: Seen, _now: datetime) -> Iterable[Finding]:
    """Name each extension, by what is the matter with it, and what is declared in vain."""
    for clusters, extensions in ON.items():
        for cluster in seen.items[clusters]:
            found = seen.under(extensions, cluster.id)
            for extension in found:
                yield from _of(cluster, extension)
            if not found and clusters == "aks" and not cluster.more["trouble"]:
                yield from _missing(cluster)


def _missing(cluster: Kept) -> Iterator[Finding]:
    name = tag(cluster.tags, DECLARED)
    if name:
        target = f"{cluster.id}/providers/Microsoft.KubernetesConfiguration/extensions/{name}"
        words = f"its cluster's tag {DECLARED} names {name}, which is not there"
        found = MlExtension(target, "")
        yield _found(found, "extension_missing", Severity.WARNING, words, "create_extension")


def _of(cluster: Kept, extension: MlExtension) -> Iterator[Finding]:
    kind = cluster.more["kind"]
    judgement = judged(extension, kind, cluster.more["nodes"])
    bad = wrong(judgement)
    if extension.state in BROKEN or extension.errors:
        said = "; ".join(extension.errors) or "it reports no reason"
        words = f"its state is {extension.state}: {said}"
        yield _found(extension, "extension_failed", Severity.ERROR, words)
    elif bad:
        words = f"{len(bad)} settings do not fit together: {'; '.join(bad)}"
        names = [one.setting for one in judgement if one.weight is Weight.WRONG]
        yield _found(
            extension, "extension_misconfigured", Severity.WARNING, words, names=names
        )
    elif not cluster.more["trouble"] and kind == ClusterKind.MANAGED:
        words = f"its state is {extension.state}; its components are to be looked at"
        yield _found(extension, "extension_to_look_into", Severity.INFORMATIONAL, words)


def _found(
    extension: MlExtension,
    name: str,
    severity: Severity,
    evidence: str,
    fixed_by: str = "repair_extension",
    names: Iterable[str] = (),
) -> Finding:
    return Finding(
        target=extension.id,
        name=name,
        severity=severity,
        evidence=evidence[:1000],
        guidance=GUIDANCE,
        fixed_by=fixed_by,
        attributes={"state": extension.state, "wrong": list(names)},
    )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_GROUP = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers"
_AKS = f"{_GROUP}/Microsoft.ContainerService/managedClusters/train"
_TAGGED = {
    "id": _AKS,
    "tags": {DECLARED: "azureml"},
    "properties": {"agentPoolProfiles": [{"count": 3}]},
}
_ARC = f"{_GROUP}/Microsoft.Kubernetes/connectedClusters/plant"


def _seen(state: str = "Succeeded", on: str = _AKS, **settings: str) -> Seen:
    arc = on == _ARC
    clusters, extensions = ("arc", "on_arc") if arc else ("aks", "on_aks")
    extension = {
        "id": f"{on}/providers/Microsoft.KubernetesConfiguration/extensions/azureml",
        "properties": {
            "extensionType": "microsoft.azureml.kubernetes",
            "provisioningState": state,
            "configurationSettings": settings or {"enableTraining": "True"},
        },
    }
    properties = {"totalNodeCount": 3, "agentPoolProfiles": [{"count": 3}]}
    items: dict[str, list[Any]] = {name: [] for both in ON.items() for name in both}
    items[clusters] = [keep_cluster({"id": on, "properties": properties})]
    items[extensions] = [keep_extension(extension)]
    return Seen(
        _SUBSCRIPTION, items, children={extensions: {on.casefold(): items[extensions]}}
    )


def _bare() -> Seen:
    """A cluster that declares an extension and has none."""
    items: dict[str, list[Any]] = {name: [] for both in ON.items() for name in both}
    items["aks"] = [keep_cluster(_TAGGED)]
    return Seen(_SUBSCRIPTION, items, children={"on_aks": {_AKS.casefold(): []}})


SURVEY = Survey(
    name="ml_extensions",
    summary="Azure ML extensions on AKS and Arc: failed, misconfigured, to be looked into.",
    says=SignalType.EXTENSION_DEGRADED,
    every=timedelta(hours=1),
    reads={
        "aks": Listing(
            path=f"{_PATH}Microsoft.ContainerService/managedClusters",
            api_version="2025-05-01",
            keep=keep_cluster,
        ),
        "on_aks": Listing(path=_UNDER, api_version=_API, keep=keep_extension, of="aks"),
        "arc": Listing(
            path=f"{_PATH}Microsoft.Kubernetes/connectedClusters",
            api_version="2024-01-01",
            keep=keep_cluster,
        ),
        "on_arc": Listing(path=_UNDER, api_version=_API, keep=keep_extension, of="arc"),
    },
    actions=(
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.Kubernetes/connectedClusters/read",
        "Microsoft.KubernetesConfiguration/extensions/read",
    ),
    look=look,
    examples=(
        SurveyExample("it failed", _seen("Failed"), _NOW, ("extension_failed",)),
        SurveyExample(
            "inference without a service type",
            _seen(on=_ARC, enableInference="True", allowInsecureConnections="True"),
            _NOW,
            ("extension_misconfigured",),
        ),
        SurveyExample("on AKS, to be looked into", _seen(), _NOW, ("extension_to_look_into",)),
        SurveyExample("declared, and not there", _bare(), _NOW, ("extension_missing",)),
        SurveyExample("well on Arc, where nobody can look", _seen(on=_ARC), _NOW, ()),
    ),
)
