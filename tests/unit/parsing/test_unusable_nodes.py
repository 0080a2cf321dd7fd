"""Alerts on Batch nodes that take no tasks get their better name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.core.signals import Signal, SignalType
from shared.parsing import parse_alert
from tests.unit.parsing.samples import load


def changed(change: Callable[[Any], None]) -> Signal:
    """Read the alert on a Batch account with something else in it."""
    document = load("common_alert__batch_metric")
    change(document["data"])
    (found,) = parse_alert(json.dumps(document).encode())
    assert isinstance(found, Signal)
    return found


@pytest.mark.parametrize("metric", ["UnusableNodeCount", "startTaskFailedNodeCount"])
def test_an_alert_on_either_metric_is_about_unusable_nodes(metric: str):
    """So that a rule need not read every metric alert of a subscription."""

    def rename(data: Any) -> None:
        data["alertContext"]["condition"]["allOf"][0]["metricName"] = metric

    signal = changed(rename)
    assert SignalType.BATCH_NODES_UNUSABLE is signal.type
    assert "/batchaccounts/" in signal.target.casefold()
    assert "" == signal.attributes["pool"]


def test_a_person_may_say_so_in_the_alert_rule_and_name_the_pool():
    """A log alert has no such metric; its author knows what it is about."""

    def say(data: Any) -> None:
        data["customProperties"] = {"nightshift": "batch.nodes_unusable", "pool": "gpu"}

    signal = changed(say)
    assert (SignalType.BATCH_NODES_UNUSABLE, "gpu") == (
        signal.type,
        signal.attributes["pool"],
    )


def test_failed_tasks_stay_failed_tasks():
    """The two have remediations of their own."""
    assert SignalType.BATCH_TASKS_FAILED is changed(lambda _: None).type
