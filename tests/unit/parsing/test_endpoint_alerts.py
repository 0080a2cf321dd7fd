"""Alerts about online endpoints are known as such, and what each says is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.core.signals import Signal, SignalType
from shared.parsing.common_alert.endpoints import recognise
from tests import builders as make
from tests.endpoints import ENDPOINT, GREEN


def an_alert(
    metric: str = "", target: str = ENDPOINT, custom: Any = None, **dimensions: str
) -> Signal:
    one = {"metric": metric, "dimensions": dimensions}
    said = {
        "custom_properties": custom or {},
        "dimensions": dimensions,
        "metrics": [one] if metric else [],
        "query": "",
    }
    return Signal(
        type=SignalType.ALERT_METRIC,
        event_id="a-1",
        source="common_alert",
        target=target,
        observed_at=make.NOW,
        attributes=said,
    )


@pytest.mark.parametrize(
    ("alert", "symptom"),
    [
        (an_alert("RequestLatency_P95"), "latency"),
        (an_alert("RequestsPerMinute", statusCodeClass="5xx"), "errors"),
        (an_alert("RequestsPerMinute", statusCodeClass="4xx"), ""),
        (an_alert("RequestsPerMinute"), ""),
        (an_alert("ConnectionsActive"), ""),
        (an_alert(custom={"nightshift": "endpoint.drift"}), "drift"),
        (an_alert(custom={"Nightshift": "Endpoint.Groundedness"}), "groundedness"),
        (an_alert("RequestLatency_P95", custom={"nightshift": "endpoint.mood"}), ""),
    ],
)
def test_an_alert_is_known_by_its_metric_or_by_a_persons_word(alert: Signal, symptom: str):
    """A person's word comes first; one that nobody knows is no symptom."""
    seen = recognise(alert)
    assert (SignalType.ENDPOINT_DEGRADED, ENDPOINT, symptom) == (
        seen.type,
        seen.target,
        seen.attributes["symptom"],
    )


@pytest.mark.parametrize(
    ("alert", "deployment"),
    [
        (an_alert("RequestLatency_P95", deployment="Green"), "green"),
        (an_alert("RequestLatency_P95", target=GREEN), "green"),
        (
            an_alert("x", make.WORKSPACE, {"endpoint": GREEN, "nightshift": "endpoint.drift"}),
            "green",
        ),
        (an_alert("x", make.WORKSPACE, {"endpoint": ENDPOINT}), ""),
    ],
)
def test_the_endpoint_and_its_deployment_are_found(alert: Signal, deployment: str):
    """The plan is about the endpoint, whichever of its deployments is meant."""
    seen = recognise(alert)
    assert (ENDPOINT, deployment) == (seen.target, seen.attributes["deployment"])


def test_other_alerts_stay_what_they_are():
    """A workspace is no endpoint, and an activity log alert measures nothing."""
    other = an_alert("RequestLatency_P95", make.WORKSPACE, {"endpoint": "score"})
    assert other is recognise(other)
    log = replace(an_alert("x"), type=SignalType.ALERT_ACTIVITY_LOG)
    assert log is recognise(log)
