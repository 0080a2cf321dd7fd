"""Which of the twelve kinds an alert is.

``monitoringService`` decides where it is unambiguous, else the shape of the context:
"Platform" is said by metric alerts and by the first log alerts alike, and the
vendor's own pages differ in spaces ("ResourceHealth", "Resource Health").
"""

from __future__ import annotations

import re
from enum import StrEnum

from shared.core.json_reading import JsonObject


class Kind(StrEnum):
    """The kinds, as rules name them in ``signal.kind``."""

    METRIC_STATIC = "metric_static"
    METRIC_DYNAMIC = "metric_dynamic"
    AVAILABILITY_TEST = "availability_test"
    LOG = "log"
    LOG_SIMPLE = "log_simple"
    LOG_V1 = "log_v1"
    ACTIVITY_LOG = "activity_log"
    SERVICE_HEALTH = "service_health"
    RESOURCE_HEALTH = "resource_health"
    PROMETHEUS = "prometheus"
    COST = "cost"
    SMART_DETECTOR = "smart_detector"


_BY_SERVICE = {
    "servicehealth": Kind.SERVICE_HEALTH,
    "resourcehealth": Kind.RESOURCE_HEALTH,
    "prometheus": Kind.PROMETHEUS,
    "costalerts": Kind.COST,
    "smartdetector": Kind.SMART_DETECTOR,
    "simplelogalert": Kind.LOG_SIMPLE,
    "logalertsv2": Kind.LOG,
}
_BY_CONDITION = {
    "singleresourcemultiplemetriccriteria": Kind.METRIC_STATIC,
    "multipleresourcemultiplemetriccriteria": Kind.METRIC_STATIC,
    "dynamicthresholdcriteria": Kind.METRIC_DYNAMIC,
    "webtestlocationavailabilitycriteria": Kind.AVAILABILITY_TEST,
    "logquerycriteria": Kind.LOG,
}
_BY_FIELD = (
    ("SearchQuery", Kind.LOG_V1),
    ("AlertCategory", Kind.COST),
    ("SmartDetectorId", Kind.SMART_DETECTOR),
)


def fold(text: str) -> str:
    """Fold a vendor's name for comparison: letters and digits only, lower case."""
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def find_kind(service: str, context: JsonObject) -> Kind | None:
    """Find an alert's kind; None if neither its service nor its shape is known."""
    folded = fold(service)
    if folded in _BY_SERVICE:
        return _BY_SERVICE[folded]
    if folded.startswith("activitylog"):
        return Kind.ACTIVITY_LOG
    condition = fold(context.loose_text("conditionType"))
    if condition in _BY_CONDITION:
        return _BY_CONDITION[condition]
    return next((kind for name, kind in _BY_FIELD if context.has(name)), None)
