"""The metrics batch API: values of up to 50 resources of one type in one call.

Source: https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.azure import api_versions, arm_ids, clock, metric_filters, metric_series
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.metric_names import check_names, unit_of
from sandbox.azure.metric_series import AGGREGATIONS, Window

VERSIONS = ("2023-10-01", "2024-02-01")
MOST_RESOURCES = 50
_PATH = re.compile(r"/metrics/subscriptions/([^/]+)/metrics:getBatch", re.IGNORECASE)
_STEPS = {
    "PT1M": 1,
    "PT5M": 5,
    "PT15M": 15,
    "PT30M": 30,
    "PT1H": 60,
    "PT6H": 360,
    "PT12H": 720,
    "P1D": 1440,
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query, checked."""

    namespace: str
    names: tuple[str, ...]
    aggregations: tuple[str, ...]
    interval: str
    window: Window
    wanted: dict[str, set[str]]
    now: datetime


def answer(call: Call) -> Reply:
    """Answer a batch, or refuse it as the service does."""
    match = _PATH.fullmatch(call.path)
    if match is None or call.method != "POST":
        raise ServiceError(
            404, "NotFound", "Metrics are served at POST /subscriptions/{id}/metrics:getBatch."
        )
    api_versions.require(call, VERSIONS, "metrics:getBatch")
    ids = _resource_ids(call, match[1])
    query = _query(call)
    return Reply(200, {"values": [_of_resource(call, query, one) for one in ids]})


def _bad(message: str) -> ServiceError:
    return ServiceError(400, "BadRequest", message)


def _resource_ids(call: Call, subscription: str) -> list[str]:
    """Read the resources; all of one subscription, type and region, at most 50."""
    ids = call.body("BadRequest").get("resourceids")
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        raise _bad("The property 'resourceids' must be a list of at least one resource id.")
    if len(ids) > MOST_RESOURCES:
        raise _bad(f"A batch holds at most {MOST_RESOURCES} resource ids; got {len(ids)}.")
    kinds, regions = set(), set()
    for one in ids:
        parsed = arm_ids.parse(one)
        if parsed is None:
            raise _bad(f"'{one}' in 'resourceids' is not a resource id.")
        if parsed.subscription.lower() != subscription.lower():
            raise _bad(
                f"All resources of a batch must be in the subscription of its address, "
                f"'{subscription}'; '{one}' is not."
            )
        kinds.add(parsed.type.lower())
        resource = call.state.world.get(one) or {}
        regions |= {str(resource["location"]).lower()} if resource.get("location") else set()
    if len(kinds) > 1:
        raise _bad(f"All resources of a batch must be of one type; got {sorted(kinds)}.")
    if len(regions) > 1:
        raise _bad(f"All resources of a batch must be in one region; got {sorted(regions)}.")
    return ids


def _query(call: Call) -> Query:
    namespace = call.query.get("metricnamespace", "")
    names = tuple(one.strip() for one in call.query.get("metricnames", "").split(",") if one)
    if not namespace or not names:
        missing = "metricnames" if namespace else "metricnamespace"
        raise _bad(f"The required query parameter '{missing}' is missing.")
    check_names(call, namespace, names)
    asked = call.query.get("aggregation", "average").lower()
    aggregations = tuple(one.strip() for one in asked.split(","))
    strange = [one for one in aggregations if one not in AGGREGATIONS]
    if strange:
        raise _bad(
            f"The aggregation '{strange[0]}' is unknown; known are {', '.join(AGGREGATIONS)}."
        )
    now = clock.now()
    interval = call.query.get("interval", "PT1M").upper()
    return Query(
        namespace=namespace,
        names=names,
        aggregations=aggregations,
        interval=interval,
        window=_window(call, interval, now),
        wanted=metric_filters.read(call.query.get("filter", "")),
        now=now,
    )


def _window(call: Call, interval: str, now: datetime) -> Window:
    """Read the time span and step; without a span the last hour."""
    if interval != "FULL" and interval not in _STEPS:
        raise _bad(
            f"Detected invalid time grain input: {interval}, supported ones: "
            f"{', '.join(_STEPS)}, FULL."
        )
    start, end = call.query.get("starttime"), call.query.get("endtime")
    if end and not start:
        raise _bad("'starttime' is required when 'endtime' is given.")
    until = _moment(end, "endtime") if end else now
    since = _moment(start, "starttime") if start else until - timedelta(hours=1)
    if since >= until:
        raise _bad(
            f"'starttime' {clock.iso(since)} is not before 'endtime' {clock.iso(until)}."
        )
    if interval == "FULL":
        return Window(since, until, None)
    step = timedelta(minutes=_STEPS[interval])
    return Window(_floor(since), _floor(until), step)


def _floor(moment: datetime) -> datetime:
    """Begin intervals at full minutes, as the service does."""
    return moment.replace(second=0, microsecond=0)


def _moment(text: str, name: str) -> datetime:
    try:
        return clock.parse(text)
    except ValueError as exc:
        raise _bad(f"'{name}' is '{text}', which is not a moment in ISO 8601.") from exc


def _of_resource(call: Call, query: Query, resource_id: str) -> Json:
    resource = call.state.world.get(resource_id) or {}
    return {
        "starttime": clock.iso(query.window.start),
        "endtime": clock.iso(query.window.end),
        "interval": query.interval,
        "namespace": query.namespace,
        "resourceregion": resource.get("location", "global"),
        "resourceid": resource_id,
        "value": [_metric(call, query, resource_id, name) for name in query.names],
    }


def _metric(call: Call, query: Query, resource_id: str, name: str) -> Json:
    """Write one metric of one resource: its series, none, or why there are none."""
    held = [
        one
        for one in call.state.world.metrics
        if one["resourceId"].lower() == resource_id.lower()
        and one["namespace"].lower() == query.namespace.lower()
        and one["name"].lower() == name.lower()
    ]
    failed = any(one.get("series") == "error" for one in held)
    metric: Json = {
        "id": f"{resource_id}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "displayDescription": name,
        "unit": unit_of(name, held),
        "timeseries": [] if failed else _timeseries(query, held),
        "errorCode": "Success",
    }
    if failed:
        metric["errorCode"] = "InternalServerError"
        metric["errorMessage"] = "The query for this metric failed; try again later."
    return metric


def _timeseries(query: Query, held: list[Json]) -> list[Json]:
    """Write the series asked for: one a dimension value if a filter asks, else one of all."""
    present = [
        one
        for one in held
        if one.get("series") != "missing"
        and metric_filters.passes(one.get("dimension", {}), query.wanted)
    ]
    if query.wanted:
        return [_series(query, [one], one.get("dimension", {})) for one in present]
    return [_series(query, present, {})] if present else []


def _series(query: Query, of: list[Json], dimension: dict[str, str]) -> Json:
    found = sorted(
        sample for one in of for sample in metric_series.samples(one, query.window, query.now)
    )
    return {
        "metadatavalues": [
            {
                "name": {"value": key.lower(), "localizedValue": key.lower()},
                "value": str(value),
            }
            for key, value in dimension.items()
            if key.lower() in query.wanted
        ],
        "data": metric_series.gathered(found, query.window, query.aggregations),
    }
