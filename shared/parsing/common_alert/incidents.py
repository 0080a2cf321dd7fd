"""Where an alert's incident stands, and which resources it is about."""

from __future__ import annotations

from typing import Any

from shared.core.json_reading import read_arm_id
from shared.core.resource_ids import ResourceId
from shared.core.signals import Phase
from shared.parsing.common_alert.essentials import Essentials
from shared.parsing.common_alert.kinds import Kind

_MONITOR_WORKSPACE = "microsoft.monitor/accounts"
_STAGES = {
    "resolved": Phase.RESOLVED,
    "rca": Phase.RESOLVED,
    "complete": Phase.COMPLETED,
    "completed": Phase.COMPLETED,
    "canceled": Phase.CANCELED,
    "cancelled": Phase.CANCELED,
}


def phase_of(kind: Kind, essentials: Essentials, said: dict[str, Any]) -> Phase:
    """Tell whether it fired or is over.

    Alerts on the activity log are stateless: ``monitorCondition`` stays "Fired" when
    the event behind them is over, and only their own stage or status says so.

    Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview,
    https://github.com/MicrosoftDocs/azure-docs/issues/52352
    """
    if essentials.is_resolved:
        return Phase.RESOLVED
    if kind is Kind.SERVICE_HEALTH:
        return _STAGES.get(str(said["stage"]).casefold(), Phase.FIRED)
    if kind in {Kind.ACTIVITY_LOG, Kind.RESOURCE_HEALTH}:
        is_over = str(said["status"]).casefold() == "resolved"
        return Phase.RESOLVED if is_over else Phase.FIRED
    return Phase.FIRED


def targets_of(kind: Kind, essentials: Essentials, said: dict[str, Any]) -> list[str]:
    """Find the ARM ids it is about; none if the source names none.

    A Prometheus alert names its monitor workspace as target: the cluster is in the
    labels or the configuration items. A budget has no target but a scope.
    """
    own = _arm_ids(essentials.target_ids)
    if kind is Kind.COST:
        return own or _arm_ids((str(said["scope"]),))
    if kind is not Kind.PROMETHEUS:
        return own
    labels = said["labels"]
    named = (
        *_label(labels, "microsoft.resourceid"),
        *essentials.configuration_items,
        *_label(labels, "cluster"),
        *own,
    )
    found = [text for text in _arm_ids(named) if _type(text) != _MONITOR_WORKSPACE]
    return found[:1]


def _label(labels: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(
        value
        for key, value in labels.items()
        if key.casefold() == name and isinstance(value, str)
    )


def _arm_ids(texts: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for text in texts:
        try:
            found.append(read_arm_id(text).text)
        except ValueError:
            continue
    return found


def _type(text: str) -> str:
    return ResourceId.parse(text).type
