"""What each kind of alert says in its context, as attributes.

These fields only describe, and their types differ between the vendor's own pages and
buttons (numbers in texts, arrays in texts, integers for names), so they are read
loosely: a value of another type is "not said" and never loses the alert. A caller's
claims and the HTTP request are not read at all.

Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, load_json
from shared.core.json_reading import JsonObject
from shared.parsing.common_alert.conditions import read_condition, read_log_v1
from shared.parsing.common_alert.kinds import Kind
from shared.parsing.common_alert.quantities import money, si_number

MAX_NESTED = 256 * 1024  # bytes of JSON held in a text
_NEVER_KEPT = frozenset({"claims", "authorization", "requestbody", "responsebody"})


def read_activity_log(context: JsonObject) -> dict[str, Any]:
    """Read an activity log alert: which operation, on what, how it ended."""
    return {
        **_event(context),
        "scope": context.loose_object("authorization").loose_text("scope"),
        "action": context.loose_object("authorization").loose_text("action"),
        "caller": context.loose_text("caller"),
        # The one field name of the schema with spaces in it.
        "event_description": context.loose_text("Activity Log Event Description"),
        "properties": {
            name: value
            for name, value in context.loose_object("properties").fields.items()
            if name.casefold() not in _NEVER_KEPT
        },
    }


def read_service_health(context: JsonObject) -> dict[str, Any]:
    """Read a service health alert; its stage says where the incident stands."""
    said = context.loose_object("properties")
    return {
        **_event(context),
        "title": said.loose_text("title"),
        "service": said.loose_text("service"),
        "region": said.loose_text("region"),
        "incident_type": said.loose_text("incidentType"),
        "tracking_id": said.loose_text("trackingId"),
        "stage": said.loose_text("stage"),
        "impact_start": said.loose_text("impactStartTime"),
        "impact_end": said.loose_text("impactMitigationTime"),
        "maintenance_id": said.loose_text("maintenanceId"),
        "communication_id": said.loose_text("communicationId"),
        "impacted_services": _impacted_services(said.get("impactedServices")),
    }


def read_resource_health(context: JsonObject) -> dict[str, Any]:
    """Read a resource health alert: from which state to which, by whose doing."""
    said = context.loose_object("properties")
    return {
        **_event(context),
        "title": said.loose_text("title"),
        "details": said.loose_text("details"),
        "current": said.loose_text("currentHealthStatus"),
        "previous": said.loose_text("previousHealthStatus"),
        "health_type": said.loose_text("type"),
        "cause": said.loose_text("cause"),
    }


def read_prometheus(context: JsonObject) -> dict[str, Any]:
    """Read a Prometheus alert; its value may carry an SI suffix (``12.7m``)."""
    labels = context.loose_object("labels")
    return {
        "expression": context.loose_text("expression"),
        "value": si_number(context.loose_text("expressionValue")),
        "value_text": context.loose_text("expressionValue"),
        "held_for": context.loose_text("for"),
        "interval": context.loose_text("interval"),
        "cluster": labels.loose_text("cluster"),
        "labels": dict(labels.fields),
        "annotations": dict(context.loose_object("annotations").fields),
        "rule_group": context.loose_text("ruleGroup"),
    }


def read_cost(context: JsonObject) -> dict[str, Any]:
    """Read a budget's alert; its amounts are texts with a currency's sign."""
    said = context.loose_object("AlertData")
    return {
        "category": context.loose_text("AlertCategory"),
        "scope": said.loose_text("Scope"),
        "budget": said.loose_text("BudgetName"),
        "threshold_type": said.loose_text("ThresholdType"),
        "budget_amount": money(said.loose_text("BudgetThreshold")),
        "threshold_amount": money(said.loose_text("NotificationThresholdAmount")),
        "spent_amount": money(said.loose_text("SpentAmount")),
        "forecast_amount": money(said.loose_text("ForecastedTotalForPeriod")),
        "unit": said.loose_text("Unit"),
    }


def read_smart_detector(context: JsonObject) -> dict[str, Any]:
    """Read a smart detector's finding."""
    return {
        "detector": context.loose_text("SmartDetectorId"),
        "detector_name": context.loose_text("SmartDetectorName"),
        "summary": context.loose_text("DetectionSummary"),
        "occurred": context.loose_text("FormattedOccurrenceTime"),
        "detected_value": context.loose_text("DetectedValue"),
        "normal_value": context.loose_text("NormalValue"),
    }


def _event(context: JsonObject) -> dict[str, Any]:
    """Read what all alerts on the activity log share; texts, also where sent as integers."""
    return {
        "operation": context.loose_text("operationName"),
        "status": context.loose_text("status"),
        "sub_status": context.loose_text("subStatus"),
        "level": context.loose_text("level"),
        "channels": context.loose_text("channels"),
        "event_source": context.loose_text("eventSource"),
        "correlation_id": context.loose_text("correlationId"),
    }


def _impacted_services(value: object) -> list[dict[str, Any]]:
    """Read which services in which regions: JSON in a text, or an array (Test button)."""
    if isinstance(value, str):
        try:
            value = load_json(value, limit=MAX_NESTED)
            check_json(value)
        except MalformedEvent:
            return []
    return [
        {
            "service": row.loose_text("ServiceName"),
            "regions": [
                region.loose_text("RegionName")
                for region in row.loose_objects("ImpactedRegions")
            ],
        }
        for row in JsonObject({"services": value}).loose_objects("services")
    ]


READERS: dict[Kind, Callable[[JsonObject], dict[str, Any]]] = {
    Kind.METRIC_STATIC: read_condition,
    Kind.METRIC_DYNAMIC: read_condition,
    Kind.AVAILABILITY_TEST: read_condition,
    Kind.LOG: read_condition,
    Kind.LOG_SIMPLE: read_condition,
    Kind.LOG_V1: read_log_v1,
    Kind.ACTIVITY_LOG: read_activity_log,
    Kind.SERVICE_HEALTH: read_service_health,
    Kind.RESOURCE_HEALTH: read_resource_health,
    Kind.PROMETHEUS: read_prometheus,
    Kind.COST: read_cost,
    Kind.SMART_DETECTOR: read_smart_detector,
}
