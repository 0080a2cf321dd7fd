"""What the real exporter sends, received by a server of the test's own on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.core.tracing import span_id, trace_id
from tests.builders import NOW
from tests.fakes.insights import KEY, Insights, insights

ROOT = Path(__file__).parents[3]
CODE = """
import sys, time
from datetime import timedelta
from shared.adapters.telemetry import azure_monitor
from shared.core.settings import Settings
from shared.ports.telemetry import Told
from tests.builders import NOW

telemetry = azure_monitor(Settings(telemetry=True, insights=sys.argv[1]))
telemetry._start_after_s = 0
def told(name, **more):
    telemetry.told(Told(name, "event-1", NOW, NOW + timedelta(seconds=2), **more))
told("event", own="event-1", attributes={"inlet": "on_test"})
told("plan", own="plan-1")
told("step", within="plan-1", attributes={"verb": "drain"}, is_failed=True)
telemetry.count("nightshift.effects", verb="drain", outcome="failed", reason="")
telemetry.gauge("nightshift.plans.open", 3)
telemetry.measure("nightshift.lead_time", 1.5, signal="vm.preempt", remediation="drain_node")
while telemetry._waiting.qsize():
    time.sleep(0.01)
print("told", flush=True)
"""


@pytest.fixture
def server() -> Iterator[Insights]:
    """A server on a free port."""
    with insights() as running:
        yield running


def run(connection_string: str) -> subprocess.CompletedProcess[str]:
    """Tell it all in a process of its own, which then simply ends."""
    return subprocess.run(
        [sys.executable, "-c", CODE, connection_string],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"},
    )


def test_one_event_is_one_operation_with_its_tree(server: Insights):
    """What a person opens in the portal: request, plan within it, step within the plan."""
    run(server.connection_string)
    sent = server.spans(f"{trace_id('event-1'):032x}")
    assert {"event", "plan", "step"} == sent.keys()
    [event], [plan], [step] = (sent[name] for name in ("event", "plan", "step"))
    assert "RequestData" == event["data"]["baseType"]
    assert f"{span_id('event-1'):016x}" == plan["tags"]["ai.operation.parentId"]
    assert f"{span_id('plan-1'):016x}" == step["tags"]["ai.operation.parentId"]
    said = step["data"]["baseData"]
    assert (False, {"nightshift.verb": "drain"}) == (said["success"], said["properties"])
    assert step["time"].startswith(NOW.strftime("%Y-%m-%dT%H:%M:%S"))
    assert "nightshift" == event["tags"]["ai.cloud.role"]


def test_metrics_arrive_with_their_names_and_labels(server: Insights):
    """They are what alert rules are written against."""
    run(server.connection_string)
    figures = server.figures()
    assert (1, {"verb": "drain", "outcome": "failed", "reason": ""}) == figures[
        "nightshift.effects"
    ]
    assert 3 == figures["nightshift.plans.open"][0]
    assert 1.5 == figures["nightshift.lead_time"][0]


def test_a_service_that_is_away_holds_up_nothing_and_fills_no_log():
    """The process ends as it would without telemetry."""
    ran = run(f"InstrumentationKey={KEY};IngestionEndpoint=http://127.0.0.1:9/")
    assert "told\n" == ran.stdout
    assert "Traceback" not in ran.stderr
