"""The conditions of metric and log alerts: what was measured, against what, since when.

A threshold is a number in a text and the measured value a number; log alerts leave
almost everything null; the first log alerts have names and times of their own.

Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples
"""

from __future__ import annotations

import re
from typing import Any

from shared.core.json_reading import JsonObject
from shared.core.moments import read_span, write_moment

MAX_ROWS = 50
_QUOTED = re.compile(r"'([^']+)'")


def read_condition(context: JsonObject) -> dict[str, Any]:
    """Read the condition of a metric alert, or of a log alert of the second version.

    The first criterion is repeated at the top, for conditions on the usual single one;
    ``metrics`` holds all of them.
    """
    condition = context.loose_object("condition")
    criteria = condition.loose_objects("allOf")
    metrics = [_criterion(one) for one in criteria]
    first = criteria[0] if criteria else JsonObject({}, condition.at("allOf"))
    size = condition.loose_text("windowSize")
    return {
        **_criterion(first),
        "query": first.loose_text("searchQuery"),
        "condition_type": context.loose_text("conditionType"),
        "window_size": size,
        "window_seconds": _seconds(size),
        "window_start": _moment(condition, "windowStartTime"),
        "window_end": _moment(condition, "windowEndTime"),
        "web_test": first.loose_text("webTestName"),
        "sensitivity": first.loose_text("alertSensitivity"),
        "target_types": _target_types(first),
        "dimensions": {k: v for one in metrics for k, v in one["dimensions"].items()},
        "metrics": metrics,
        "rows": _event_rows(first),
    }


def read_log_v1(context: JsonObject) -> dict[str, Any]:
    """Read a log alert of the first version, whose fields are PascalCase."""
    minutes = context.loose_number("SearchIntervalInMinutes")
    if minutes is None:
        minutes = context.loose_number("SearchIntervalDurationMin")
    return {
        "metric": "",
        "value": context.loose_number("ResultCount"),
        "threshold": context.loose_number("Threshold"),
        "operator": context.loose_text("Operator"),
        "query": context.loose_text("SearchQuery"),
        "condition_type": context.loose_text("AlertType"),
        "window_seconds": None if minutes is None else minutes * 60,
        "window_start": _moment(context, "SearchIntervalStartTimeUtc"),
        "window_end": _moment(context, "SearchIntervalEndtimeUtc"),
        "workspace_id": context.loose_text("WorkspaceId"),
        "dimensions": _dimensions(context),
        "metrics": [],
        "rows": _table_rows(context.loose_object("SearchResults")),
    }


def _criterion(one: JsonObject) -> dict[str, Any]:
    return {
        "metric": one.loose_text("metricName") or one.loose_text("metricMeasureColumn"),
        "metric_namespace": one.loose_text("metricNamespace"),
        "value": one.loose_number("metricValue"),
        "threshold": one.loose_number("threshold"),
        "operator": one.loose_text("operator"),
        "aggregation": one.loose_text("timeAggregation"),
        "dimensions": _dimensions(one),
    }


def _dimensions(fields: JsonObject) -> dict[str, str]:
    return {
        one.loose_text("name"): one.loose_text("value")
        for one in fields.loose_objects("dimensions")
        if one.loose_text("name")
    }


def _seconds(size: str) -> float | None:
    try:
        return read_span(size).total_seconds() if size else None
    except ValueError:
        return None


def _moment(fields: JsonObject, name: str) -> str | None:
    moment = fields.loose_moment(name)
    return write_moment(moment) if moment else None


def _target_types(one: JsonObject) -> list[str]:
    """Read the types, an array or, as sent, an array written into a text."""
    value = one.get("targetResourceTypes")
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str)]
    return _QUOTED.findall(value) if isinstance(value, str) else []


def _event_rows(one: JsonObject) -> list[dict[str, str]]:
    """Read the rows that a simple log alert embeds, each a list of names and values."""
    rows = one.get("event")
    rows = rows[:MAX_ROWS] if isinstance(rows, list) else []
    return [
        {
            cell.loose_text("name"): cell.loose_text("value")
            for cell in JsonObject({"row": row}).loose_objects("row")
        }
        for row in rows
    ]


def _table_rows(results: JsonObject) -> list[dict[str, Any]]:
    """Read the first table's rows, by the names of its columns."""
    tables = results.loose_objects("tables")
    if not tables:
        return []
    names = [column.loose_text("name") for column in tables[0].loose_objects("columns")]
    rows = tables[0].get("rows")
    rows = rows[:MAX_ROWS] if isinstance(rows, list) else []
    return [dict(zip(names, row, strict=False)) for row in rows if isinstance(row, list)]
