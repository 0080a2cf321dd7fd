"""Know alerts about Azure ML's online endpoints, and what each says is wrong.

Error rate and latency have metrics of their own. Azure Monitor has no word for the quality
of a model, so a person says it with the alert rule's custom property ``nightshift``:
``endpoint.errors``, ``.latency``, ``.freshness``, ``.drift``, ``.groundedness``; and with
``endpoint`` which endpoint it is about, where the rule's scope is another resource. An
alert that says neither is about the endpoint all the same: its symptom is empty.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.json_reading import read_arm_id
from shared.core.resource_ids import ML_DEPLOYMENT, ML_ENDPOINT
from shared.core.signals import Signal, SignalType

PROPERTY = "nightshift"
PREFIX = "endpoint."
SYMPTOMS = frozenset({"errors", "latency", "freshness", "drift", "groundedness"})
REQUESTS = "requestsperminute"
LATENCY = "requestlatency"
_CLASS, _SERVER_FAULT = "statuscodeclass", "5xx"
_READ = frozenset({SignalType.ALERT_METRIC, SignalType.ALERT_LOG})


def recognise(signal: Signal) -> Signal:
    """Rename an alert that is about an online endpoint; else give it back.

    Adds ``symptom`` (empty: nobody can tell) and ``deployment`` (empty: not said).
    """
    if signal.type not in _READ:
        return signal
    endpoint, deployment = _endpoint(signal)
    if not endpoint:
        return signal
    said = signal.attributes
    named = _named(said["dimensions"], "deployment") or deployment
    more = {"symptom": _symptom(said), "deployment": named.casefold()}
    kind = SignalType.ENDPOINT_DEGRADED
    return replace(signal, type=kind, target=endpoint, attributes={**more, **said, **more})


def _endpoint(signal: Signal) -> tuple[str, str]:
    """Find the endpoint: what the property says, or the target; and which deployment."""
    own = _named(signal.attributes["custom_properties"], "endpoint")
    for text in (own, signal.target):
        try:
            found = read_arm_id(text)
        except ValueError:
            continue
        if found.type == ML_ENDPOINT:
            return found.text, ""
        if found.type == ML_DEPLOYMENT:
            return found.parent, found.name
    return "", ""


def _symptom(said: Mapping[str, Any]) -> str:
    """Say what is wrong: a person's word first, then the metric's.

    Requests a minute are errors only where the rule looks at those that the server
    failed: too many of the rest may be a busy day, or a caller's own mistake.
    """
    word = _named(said["custom_properties"], PROPERTY).casefold()
    if word:
        symptom = word.removeprefix(PREFIX)
        return symptom if word.startswith(PREFIX) and symptom in SYMPTOMS else ""
    found = {_of_metric(one) for one in said["metrics"]}
    return found.pop() if len(found) == 1 else ""


def _of_metric(metric: Mapping[str, Any]) -> str:
    name = str(metric["metric"]).casefold()
    if name.startswith(LATENCY):
        return "latency"
    is_fault = _named(metric["dimensions"], _CLASS).casefold() == _SERVER_FAULT
    return "errors" if name == REQUESTS and is_fault else ""


def _named(fields: Mapping[str, Any], name: str) -> str:
    """Read a text by its name, whatever its case."""
    found = (v for k, v in fields.items() if k.casefold() == name and isinstance(v, str))
    return next(found, "").strip()
