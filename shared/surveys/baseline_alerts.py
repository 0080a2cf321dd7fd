"""Alerts of the baseline that nobody set: by resource type, and of the subscription.

What the baseline asks for is data: ``rules/baseline-alerts.json``. An alert rule counts
for a resource if it is enabled, watches the metric, and its scope is the resource, its
group or its subscription. Thresholds are the owner's matter and are not compared. Rules
over logs are not judged: they lie on workspaces, often of another subscription.

Source: https://azure.github.io/azure-monitor-baseline-alerts/,
https://learn.microsoft.com/rest/api/monitor/metric-alerts/list-by-subscription,
https://learn.microsoft.com/rest/api/monitor/activity-log-alerts/list-by-subscription-id
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.posture import is_left_alone, is_of_aks, part, parts, seen_of, word
from shared.core.resource_ids import ResourceId
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

SUBSCRIPTION = "microsoft.resources/subscriptions"
TYPES = {
    "vms": "Microsoft.Compute/virtualMachines",
    "scale_sets": "Microsoft.Compute/virtualMachineScaleSets",
    "clusters": "Microsoft.ContainerService/managedClusters",
    "batch_accounts": "Microsoft.Batch/batchAccounts",
    "workspaces": "Microsoft.MachineLearningServices/workspaces",
    "storage_accounts": "Microsoft.Storage/storageAccounts",
}
_BASELINE = "https://azure.github.io/azure-monitor-baseline-alerts"
Covered = Mapping[tuple[str, str], set[str]]

ALERTS_MISSING = Point(
    "baseline_alerts_missing",
    Severity.WARNING,
    "Metric alerts of the baseline watch neither the resource nor its group or subscription.",
    f"{_BASELINE}/services/",
    "Deploy the metric alerts that the finding names, or the baseline's policies.",
)
HEALTH_MISSING = Point(
    "health_alerts_missing",
    Severity.ERROR,
    "No activity log alert tells of the service's or the resources' health.",
    "https://learn.microsoft.com/azure/service-health/alerts-activity-log-service-notifications-portal",
    "Make an activity log alert of each missing category on the subscription.",
)


def keep_type(document: Document) -> Kept:
    """Keep what the baseline asks for of one type; folded."""
    found = kept(
        document,
        metrics=tuple(part(document, "metrics")),
        categories=tuple(part(document, "categories")),
    )
    if found.id.casefold() not in {
        SUBSCRIPTION,
        *(name.casefold() for name in TYPES.values()),
    }:
        raise ValueError("no survey reads this type")
    return found


def keep_metric_alert(document: Document) -> Kept | None:
    """Keep what an enabled metric alert watches, and of whom."""
    said = part(document, "properties")
    if said.get("enabled") is False:
        return None
    names = (word(one, "metricName") for one in parts(part(said, "criteria"), "allOf"))
    return kept(
        document,
        scopes=_scopes(said),
        kind=word(said, "targetResourceType").casefold(),
        metrics=frozenset(name.casefold() for name in names if name),
    )


def keep_log_alert(document: Document) -> Kept | None:
    """Keep of which category an enabled activity log alert is, and of which scopes."""
    said = part(document, "properties")
    if said.get("enabled") is False:
        return None
    asked = parts(part(said, "condition"), "allOf")
    asked = [*asked, *(one for any_of in asked for one in parts(any_of, "anyOf"))]
    names = {
        word(one, "equals").casefold()
        for one in asked
        if word(one, "field").casefold() == "category"
    }
    return kept(document, scopes=_scopes(said), categories=frozenset(names))


def _scopes(said: Document) -> tuple[str, ...]:
    """Read an alert's scopes, folded."""
    scopes = said.get("scopes") or ()
    if not isinstance(scopes, list | tuple):
        raise ValueError("scopes is no list")  # noqa: TRY004 - one kind of error
    return tuple(str(one).casefold().rstrip("/") for one in scopes)


def keep_resource(document: Document) -> Kept | None:
    """Keep a resource, unless AKS made it or its owner opted out."""
    found = kept(document)
    return None if is_of_aks(found) or is_left_alone(found) else found


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name whom some alerts of the baseline are missing for."""
    wanted = {one.id.casefold(): one.more for one in seen.items["baseline"]}
    yield from _health(seen, wanted.get(SUBSCRIPTION, {}).get("categories", ()))
    covered = _covered(seen.items["metric_alerts"])
    for listing, kind in TYPES.items():
        metrics = wanted.get(kind.casefold(), {}).get("metrics", ())
        for item in seen.items[listing] if metrics else ():
            yield from _of(item, kind.casefold(), metrics, covered)


def _covered(alerts: Iterable[Kept]) -> Covered:
    """Say which metrics are watched, by scope and type; an exact scope needs no type."""
    found: dict[tuple[str, str], set[str]] = {}
    for alert in alerts:
        for scope in alert.more["scopes"]:
            for kind in {alert.more["kind"], ""}:
                found.setdefault((scope, kind), set()).update(alert.more["metrics"])
    return found


def _of(item: Kept, kind: str, metrics: Sequence[str], covered: Covered) -> Iterator[Finding]:
    rid = ResourceId.parse(item.id)
    subscription = f"/subscriptions/{rid.subscription}".casefold()
    group = f"{subscription}/resourcegroups/{rid.resource_group}".casefold()
    watched = {
        *covered.get((rid.key, ""), ()),
        *covered.get((group, kind), ()),
        *covered.get((subscription, kind), ()),
    }
    missing = [name for name in metrics if name.casefold() not in watched]
    if missing:
        there = len(metrics) - len(missing)
        words = f"{there} of {len(metrics)} alerts are there; missing: {', '.join(missing)}"
        yield ALERTS_MISSING.found(item.id, words, missing=missing)


def _health(seen: Seen, categories: Sequence[str]) -> Iterator[Finding]:
    scope = f"/subscriptions/{seen.subscription}"
    watched = {
        name
        for alert in seen.items["activity_alerts"]
        if scope.casefold() in alert.more["scopes"]
        for name in alert.more["categories"]
    }
    missing = [name for name in categories if name.casefold() not in watched]
    if missing:
        words = f"no activity log alert on the subscription of: {', '.join(missing)}"
        yield HEALTH_MISSING.found(scope, words, missing=missing)


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_GROUP = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab"
_ACCOUNT = f"{_GROUP}/providers/Microsoft.Batch/batchAccounts/b"


def _asked(kind: str, **said: Any) -> Document:
    return {"id": kind, **{name: dict.fromkeys(one, "") for name, one in said.items()}}


def _alert(metric: str, scope: str, *, enabled: bool = True) -> Document:
    said = {
        "scopes": [scope],
        "enabled": enabled,
        "targetResourceType": "Microsoft.Batch/batchAccounts",
        "criteria": {"allOf": [{"metricName": metric}]},
    }
    return {"id": f"{_GROUP}/providers/Microsoft.Insights/metricAlerts/a", "properties": said}


def _health_alert(category: str) -> Document:
    said = {
        "scopes": [f"/subscriptions/{_SUBSCRIPTION}"],
        "condition": {"allOf": [{"field": "category", "equals": category}]},
    }
    where = f"{_GROUP}/providers/Microsoft.Insights/activityLogAlerts/h"
    return {"id": where, "properties": said}


READS = {
    "baseline": Listing(file="baseline-alerts", keep=keep_type, must_be_whole=True),
    "metric_alerts": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Insights/metricAlerts",
        api_version="2018-03-01",
        keep=keep_metric_alert,
        must_be_whole=True,
    ),
    "activity_alerts": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Insights/activityLogAlerts",
        api_version="2020-10-01",
        keep=keep_log_alert,
        must_be_whole=True,
    ),
    **{
        name: Listing(
            path="/subscriptions/{subscription}/resources",
            api_version="2021-04-01",
            query={"$filter": f"resourceType eq '{kind}'"},
            keep=keep_resource,
        )
        for name, kind in TYPES.items()
    },
}
_WANTED = [
    _asked(TYPES["batch_accounts"], metrics=("TaskFailEvent", "OfflineNodeCount")),
    _asked(SUBSCRIPTION, categories=("ServiceHealth",)),
]
_GOOD: dict[str, Sequence[Document]] = {
    "baseline": _WANTED,
    "batch_accounts": [{"id": _ACCOUNT}],
    "metric_alerts": [
        _alert("TaskFailEvent", _ACCOUNT),
        _alert("OfflineNodeCount", f"/subscriptions/{_SUBSCRIPTION}"),
    ],
    "activity_alerts": [_health_alert("ServiceHealth")],
}


def _seen(**changes: Sequence[Document]) -> Seen:
    return seen_of(_SUBSCRIPTION, READS, {**_GOOD, **changes})


SURVEY = Survey(
    name="baseline_alerts",
    summary="Alerts of the Azure Monitor baseline that are missing, by resource type.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.Insights/metricAlerts/read",
        "Microsoft.Insights/activityLogAlerts/read",
        "Microsoft.Resources/subscriptions/resources/read",
        *(f"{kind}/read" for kind in TYPES.values()),
    ),
    look=look,
    points=(ALERTS_MISSING, HEALTH_MISSING),
    examples=(
        SurveyExample("one alert on it, one on the subscription", _seen(), _NOW, ()),
        SurveyExample(
            "an alert that is disabled watches nothing",
            _seen(metric_alerts=[_alert("TaskFailEvent", _ACCOUNT, enabled=False)]),
            _NOW,
            ("baseline_alerts_missing",),
        ),
        SurveyExample(
            "an alert on another resource is none on this one",
            _seen(metric_alerts=[_alert("TaskFailEvent", f"{_ACCOUNT}2")]),
            _NOW,
            ("baseline_alerts_missing",),
        ),
        SurveyExample(
            "nobody hears of an incident of Azure itself",
            _seen(activity_alerts=[_health_alert("Administrative")]),
            _NOW,
            ("health_alerts_missing",),
        ),
        SurveyExample(
            "its owner opted out of the baseline",
            _seen(
                metric_alerts=[],
                batch_accounts=[{"id": _ACCOUNT, "tags": {"MonitorDisable": "true"}}],
            ),
            _NOW,
            (),
        ),
    ),
)
