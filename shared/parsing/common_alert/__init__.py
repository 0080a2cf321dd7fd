"""The common alert schema: one envelope around twelve kinds of alert.

Decides which signal an alert is, about which targets, and whether it fired, is over,
or is only a Test button. What each kind says is in ``contexts``. Stateless kinds stay
"Fired" for ever: their own ``stage`` or ``status`` says that they are over.

Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema,
https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.errors import MalformedEvent
from shared.core.json_bounds import bounded
from shared.core.json_reading import MAX_ID, JsonObject
from shared.core.signals import Signal, SignalType, Unanswered
from shared.parsing.common_alert import batch_tasks, contexts, endpoints, incidents
from shared.parsing.common_alert.essentials import SOURCE, Essentials, read_essentials
from shared.parsing.common_alert.kinds import Kind, find_kind

__all__ = ["SOURCE", "parse"]

SCHEMA = "azureMonitorCommonAlertSchema"

_SIGNALS = {
    Kind.METRIC_STATIC: SignalType.ALERT_METRIC,
    Kind.METRIC_DYNAMIC: SignalType.ALERT_METRIC,
    Kind.AVAILABILITY_TEST: SignalType.ALERT_METRIC,
    Kind.LOG: SignalType.ALERT_LOG,
    Kind.LOG_SIMPLE: SignalType.ALERT_LOG,
    Kind.LOG_V1: SignalType.ALERT_LOG,
    Kind.ACTIVITY_LOG: SignalType.ALERT_ACTIVITY_LOG,
    Kind.SERVICE_HEALTH: SignalType.ALERT_SERVICE_HEALTH,
    Kind.RESOURCE_HEALTH: SignalType.ALERT_RESOURCE_HEALTH,
    Kind.PROMETHEUS: SignalType.ALERT_PROMETHEUS,
    Kind.COST: SignalType.ALERT_COST,
    Kind.SMART_DETECTOR: SignalType.ALERT_SMART_DETECTOR,
}
# What an action group's Test button calls the rules it makes up.
_TEST_RULE = re.compile(
    r"test-(activitylog|dynamicmetric|metric|log|resourcehealth|servicehealth|smart)"
    r"alertrule(-.*)?",
)
_TEST_NAME = "test_alert"
_TEST_WORDS = "delivery confirmation: this is a sample"


def parse(alert: JsonObject) -> tuple[Signal | Unanswered, ...]:
    """Read one alert: a signal for each target, or one without a target.

    Raises:
        MalformedEvent: It lacks an essential, or its schema is another one.
    """
    if alert.get("schemaId") != SCHEMA:
        raise MalformedEvent(
            f"{alert.wrong('schemaId', SCHEMA)}: enable the common alert schema on the "
            "action (useCommonAlertSchema: true in the action group)"
        )
    data = alert.object("data")
    essentials = read_essentials(data.object("essentials"))
    context = data.loose_object("alertContext")
    kind = find_kind(essentials.service, context)
    if kind is None:
        why = f"no parser knows alerts of the monitoring service {essentials.service[:80]!r}"
        return (Unanswered(essentials.event_id, SOURCE, why),)
    said = contexts.READERS[kind](context)
    custom = _custom_properties(kind, data, context)
    targets = incidents.targets_of(kind, essentials, said)
    signal = Signal(
        type=_SIGNALS[kind],
        # Each communication on an incident is an alert of its own; the tracking id is theirs.
        event_id=_tracking_id(said) or essentials.event_id,
        source=SOURCE,
        target="",
        observed_at=essentials.observed_at,
        phase=incidents.phase_of(kind, essentials, said),
        attributes={
            "kind": kind.value,
            **essentials.attributes(),
            **said,
            "custom_properties": custom,
            "targets": list(essentials.target_ids),
        },
        is_test=_is_test(kind, essentials),
    )
    found = [_finished(signal, target, essentials) for target in targets or [""]]
    return tuple({one.target.casefold(): one for one in found}.values())


def _tracking_id(said: Mapping[str, Any]) -> str:
    """Take an incident's tracking id if it can name something."""
    text = str(said.get("tracking_id") or "")
    return text if len(text) <= MAX_ID and text.isprintable() else ""


def _finished(signal: Signal, target: str, essentials: Essentials) -> Signal:
    """Give a signal its target, and its better name if it is about Batch's tasks."""
    aimed = batch_tasks.recognise(replace(signal, target=target), essentials.fired_at)
    aimed = endpoints.recognise(aimed)
    return replace(aimed, attributes=bounded(aimed.attributes))


def _custom_properties(kind: Kind, data: JsonObject, context: JsonObject) -> dict[str, Any]:
    """Join the two places that carry a rule's own properties, sometimes both alike.

    In an activity log event ``properties`` are the event's and not the rule's.
    """
    own = data.loose_object("customProperties").fields
    if _SIGNALS[kind] in {SignalType.ALERT_METRIC, SignalType.ALERT_LOG}:
        return {**context.loose_object("properties").fields, **own}
    return dict(own)


def _is_test(kind: Kind, essentials: Essentials) -> bool:
    """Tell whether a Test button sent it: its metadata is mocked, its target made up.

    An activity log alert of the Test button has a rule's id where a real one has an
    alert's.
    """
    if essentials.event_id.casefold() == _TEST_NAME:
        return True
    if _TEST_RULE.fullmatch(essentials.rule.casefold()):
        return True
    if essentials.description.casefold().startswith(_TEST_WORDS):
        return True
    folded = essentials.alert_id.casefold()
    return kind is Kind.ACTIVITY_LOG and "/microsoft.insights/activitylogalerts/" in folded
