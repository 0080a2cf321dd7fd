"""The essentials: the part of an alert that all kinds share, and most may be null.

Insists only on what a signal cannot be made without: an id, the condition, a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.json_reading import JsonObject
from shared.core.moments import write_moment

SOURCE = "common_alert"
MAX_TARGETS = 1000

_AZURE_SIGNAL_TYPES = {"activitylog": "activity_log", "metric": "metric", "log": "log"}


@dataclass(frozen=True, slots=True)
class Essentials:
    """What every alert says of itself; empty texts stand for null.

    Attributes:
        event_id: The last segment of ``alertId``, shared by Fired and Resolved.
        service: ``monitoringService`` as written.
        target_ids: ``alertTargetIDs`` as written, each once.
    """

    alert_id: str
    event_id: str
    rule: str
    severity: str
    azure_signal_type: str
    is_resolved: bool
    service: str
    target_ids: tuple[str, ...]
    configuration_items: tuple[str, ...]
    fired_at: datetime
    resolved_at: datetime | None
    description: str
    rule_id: str
    target_type: str

    @property
    def observed_at(self) -> datetime:
        """When it was over, else when it fired: only metric alerts say the former."""
        return (self.resolved_at or self.fired_at) if self.is_resolved else self.fired_at

    def attributes(self) -> dict[str, Any]:
        """Give what conditions may look at, JSON values."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "monitoring_service": self.service,
            "azure_signal_type": self.azure_signal_type,
            "monitor_condition": "Resolved" if self.is_resolved else "Fired",
            "fired_at": write_moment(self.fired_at),
            "resolved_at": write_moment(self.resolved_at) if self.resolved_at else None,
            "alert_id": self.alert_id,
            "rule_id": self.rule_id,
            "target_type": self.target_type,
            "configuration_items": list(self.configuration_items),
            "description": self.description,
        }


def read_essentials(fields: JsonObject) -> Essentials:
    """Read the essentials.

    Raises:
        MalformedEvent: The id, the condition, the service or the moment is missing.
    """
    condition = fields.text("monitorCondition").casefold()
    if condition not in {"fired", "resolved"}:
        raise fields.wrong("monitorCondition", "Fired or Resolved")
    fired_at = fields.optional_moment("firedDateTime")
    if fired_at is None:
        raise fields.wrong("firedDateTime", "a moment (ISO 8601)")
    alert_id = fields.identifier("alertId").rstrip("/")
    event_id = alert_id.rsplit("/", 1)[-1].strip()
    if not event_id:
        raise fields.wrong("alertId", "an id that ends with the alert's name")
    signal_type = fields.loose_text("signalType")
    folded = signal_type.casefold().replace(" ", "")
    targets = {text.casefold(): text for text in _texts(fields, "alertTargetIDs")}
    return Essentials(
        alert_id=alert_id,
        event_id=event_id,
        rule=fields.loose_text("alertRule"),
        severity=fields.loose_text("severity"),
        azure_signal_type=_AZURE_SIGNAL_TYPES.get(folded, signal_type),
        is_resolved=condition == "resolved",
        service=fields.text("monitoringService"),
        target_ids=tuple(targets.values()),
        configuration_items=_texts(fields, "configurationItems"),
        fired_at=fired_at,
        resolved_at=fields.loose_moment("resolvedDateTime"),
        description=fields.loose_text("description"),
        rule_id=fields.loose_text("alertRuleId"),
        target_type=fields.loose_text("targetResourceType"),
    )


def _texts(fields: JsonObject, name: str) -> tuple[str, ...]:
    return fields.texts(name, at_most=MAX_TARGETS)
