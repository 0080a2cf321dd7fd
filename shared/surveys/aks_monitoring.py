"""AKS clusters that nobody watches: Container insights, Prometheus, control plane logs.

Source: https://learn.microsoft.com/azure/azure-monitor/containers/kubernetes-monitoring-enable,
https://learn.microsoft.com/rest/api/aks/managed-clusters/list (addonProfiles.omsagent,
azureMonitorProfile.metrics), https://learn.microsoft.com/azure/aks/monitor-aks
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.core.posture import is_left_alone, part, parts, word
from shared.core.signals import SignalType
from shared.core.surveys import (
    Document,
    Finding,
    Kept,
    Listing,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

_DOCS = "https://learn.microsoft.com/azure"
INSIGHTS = Point(
    "container_insights_off",
    Severity.ERROR,
    "A cluster sends no logs and no state of its pods and nodes to a workspace.",
    f"{_DOCS}/azure-monitor/containers/kubernetes-monitoring-enable",
    "Enable Container insights: the add-on monitoring with the central workspace.",
)
PROMETHEUS = Point(
    "managed_prometheus_off",
    Severity.WARNING,
    "A cluster sends no Prometheus metrics to an Azure Monitor workspace.",
    f"{_DOCS}/azure-monitor/containers/kubernetes-monitoring-enable",
    "Enable the managed service for Prometheus (azureMonitorProfile.metrics).",
)
LOGS = Point(
    "control_plane_logs_off",
    Severity.WARNING,
    "No diagnostic setting keeps any log of the cluster's control plane.",
    f"{_DOCS}/aks/monitor-aks",
    "Make a diagnostic setting that sends kube-audit-admin, cluster-autoscaler and guard "
    "to the central workspace.",
)


def keep_cluster(document: Document) -> Kept | None:
    """Keep which of a cluster's two ways of being watched are on."""
    said = part(document, "properties")
    addons = {name.casefold(): one for name, one in part(said, "addonProfiles").items()}
    found = kept(
        document,
        insights=part(addons, "omsagent").get("enabled") is True,
        prometheus=part(said, "azureMonitorProfile", "metrics").get("enabled") is True,
        addons=len(addons),
    )
    return None if is_left_alone(found) else found


def keep_setting(document: Document) -> Kept:
    """Keep which logs a diagnostic setting sends."""
    logs = parts(part(document, "properties"), "logs")
    names = (word(one, "category") or word(one, "categoryGroup") for one in logs)
    on = (one.get("enabled") is True for one in logs)
    return kept(
        document, logs=tuple(name for name, is_on in zip(names, on, strict=True) if is_on)
    )


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name what each cluster lacks."""
    for item in seen.items["clusters"]:
        if not item.more["insights"]:
            words = f"none of its {item.more['addons']} add-ons is monitoring, enabled"
            yield INSIGHTS.found(item.id, words)
        if not item.more["prometheus"]:
            yield PROMETHEUS.found(item.id, "azureMonitorProfile.metrics is not enabled")
        settings = seen.under("settings", item.id)
        if not any(one.more["logs"] for one in settings):
            yield LOGS.found(item.id, f"{len(settings)} diagnostic settings, none with a log")


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_AKS = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/"
    "Microsoft.ContainerService/managedClusters/train"
)
READS = {
    "clusters": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.ContainerService"
        "/managedClusters",
        api_version="2025-05-01",
        keep=keep_cluster,
    ),
    "settings": Listing(
        path="{id}/providers/Microsoft.Insights/diagnosticSettings",
        api_version="2021-05-01-preview",
        keep=keep_setting,
        of="clusters",
    ),
}
_ON = {
    "addonProfiles": {"omsAgent": {"enabled": True}},
    "azureMonitorProfile": {"metrics": {"enabled": True}},
}


def _seen(said: Document, *logs: Document, **more: object) -> Seen:
    cluster = keep_cluster({"id": _AKS, "properties": said, **more})
    where = f"{_AKS}/providers/Microsoft.Insights/diagnosticSettings/logs"
    setting = keep_setting({"id": where, "properties": {"logs": list(logs)}})
    items = {"clusters": [cluster] if cluster else [], "settings": [setting]}
    return Seen(_SUBSCRIPTION, items, {"settings": {_AKS.casefold(): [setting]}})


SURVEY = Survey(
    name="aks_monitoring",
    summary="AKS clusters: Container insights, managed Prometheus, control plane logs.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.ContainerService/managedClusters/read",
        "Microsoft.Insights/diagnosticSettings/read",
    ),
    look=look,
    points=(INSIGHTS, PROMETHEUS, LOGS),
    examples=(
        SurveyExample(
            "all three are on", _seen(_ON, {"category": "guard", "enabled": True}), _NOW, ()
        ),
        SurveyExample(
            "nothing is on",
            _seen({}),
            _NOW,
            ("container_insights_off", "managed_prometheus_off", "control_plane_logs_off"),
        ),
        SurveyExample(
            "a setting whose only log is disabled",
            _seen(_ON, {"categoryGroup": "audit", "enabled": False}),
            _NOW,
            ("control_plane_logs_off",),
        ),
        SurveyExample(
            "its owner opted out of the baseline",
            _seen({}, tags={"MonitorDisable": "true"}),
            _NOW,
            (),
        ),
    ),
)
