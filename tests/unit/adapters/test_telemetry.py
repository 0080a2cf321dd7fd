"""What is told becomes spans and metrics of OpenTelemetry, aside, and never an error."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shared.adapters.open_telemetry import OpenTelemetryReceiver
from shared.adapters.settings_env import read_settings
from shared.adapters.telemetry import Figure, QueuedTelemetry, azure_monitor
from shared.core.errors import InvalidSetting
from shared.core.settings import Settings
from shared.core.tracing import METRICS, span_id, trace_id
from shared.ports.telemetry import Nobody, Told
from tests.builders import NOW, SECOND

ROOT = Path(__file__).parents[3]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INSIGHTS = (
    "InstrumentationKey=00000000-0000-0000-0000-000000000000;"
    "IngestionEndpoint=https://127.0.0.1:9/"
)
STORAGE = {"AzureWebJobsStorage__accountName": "nightshift"}


@dataclass
class Received:
    """A receiver with an exporter and a reader in memory."""

    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.receiver = OpenTelemetryReceiver(
            lambda _: SimpleSpanProcessor(self.spans), self.reader
        )

    def one(self, told: Told) -> ReadableSpan:
        """Take a span, and give it as it would be exported."""
        self.spans.clear()
        self.receiver.take(told)
        [span] = self.spans.get_finished_spans()
        return span

    def points(self) -> dict[str, list]:
        """Give the data points of each metric."""
        data = self.reader.get_metrics_data()
        found: dict[str, list] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = list(metric.data.data_points)
        return found


@pytest.fixture
def received() -> Iterator[Received]:
    """Nothing yet."""
    one = Received()
    yield one
    one.receiver.close()


def a_span(name: str = "step", **fields) -> Told:
    """A span of one second."""
    given = {"about": "event-1", "began": NOW, "ended": NOW + SECOND, **fields}
    return Told(name, **given)


def test_spans_of_one_event_are_one_trace_across_processes():
    """Another process has another provider, and comes to the same names."""
    here, there = Received(), Received()
    event = here.one(a_span("event", own="event-1"))
    plan = there.one(a_span("plan", own="plan-1"))
    step = here.one(a_span("step", within="plan-1"))
    wanted = trace_id("event-1")
    assert {wanted} == {one.context.trace_id for one in (event, plan, step)}
    assert event.parent is None
    assert span_id("event-1") == event.context.span_id
    assert plan.parent is not None
    assert event.context.span_id == plan.parent.span_id
    assert step.parent is not None
    assert span_id("plan-1") == plan.context.span_id == step.parent.span_id
    for one in (here, there):
        one.receiver.close()


def test_spans_without_a_name_of_their_own_differ(received: Received):
    """Two attempts are two spans."""
    first, second = received.one(a_span()), received.one(a_span())
    assert first.context.span_id != second.context.span_id
    assert first.context.trace_id == second.context.trace_id
    root = received.one(a_span("event", own="event-2", about="event-2"))
    after = received.one(a_span())
    assert root.context.span_id != after.context.span_id


def test_a_span_says_when_what_and_how_it_ended(received: Received):
    """To the microsecond of the ledger's own moments."""
    odd = timedelta(microseconds=123_457)
    given = {"verb": "drain", "attempt": 3, "is_verified": True, "margin_s": 1.5}
    span = received.one(a_span(began=NOW - odd, attributes=given, is_failed=True))
    assert int((NOW - odd).timestamp()) == span.start_time // 10**9
    assert 1_123_457_000 == span.end_time - span.start_time
    assert {f"nightshift.{key}": value for key, value in given.items()} == dict(
        span.attributes
    )
    assert (StatusCode.ERROR, SpanKind.INTERNAL) == (span.status.status_code, span.kind)
    assert "nightshift" == span.resource.attributes["service.name"]
    assert SpanKind.CONSUMER == received.one(a_span("event")).kind
    assert StatusCode.UNSET == received.one(a_span("event")).status.status_code


def test_the_callers_trace_becomes_a_link(received: Received):
    """Ours is named after the event; the host's invocation led to it."""
    [link] = received.one(a_span("event", link=PARENT)).links
    assert 0x4BF92F3577B34DA6A3CE929D0E0E4736 == link.context.trace_id
    assert 0x00F067AA0BA902B7 == link.context.span_id
    assert () == tuple(received.one(a_span("event", link="nonsense")).links)


def test_every_metric_is_received_with_its_unit_and_labels(received: Received):
    """Counters add up, gauges keep the last, distributions keep them all."""
    for metric in METRICS.values():
        labels = dict.fromkeys(metric.labels, "x")
        for value in (2, 3):
            received.receiver.take(Figure(metric.name, value, labels))
    points = received.points()
    assert METRICS.keys() == points.keys()
    for name, metric in METRICS.items():
        [point] = points[name]
        assert dict.fromkeys(metric.labels, "x") == dict(point.attributes)
        if metric.kind == "histogram":
            assert (5, 2) == (point.sum, point.count)
        else:
            assert {"count": 5, "gauge": 3}[metric.kind] == point.value


@pytest.mark.parametrize(
    "figure",
    [Figure("nightshift.guesses", 1), Figure("nightshift.effects", 1, {"target": "/vm"})],
)
def test_an_undocumented_metric_or_label_is_not_sent(received: Received, figure: Figure):
    """Labels that grow without bound are kept out where they would be paid for."""
    with pytest.raises(ValueError, match="has no labels"):
        received.receiver.take(figure)
    assert figure.name not in received.points()


def test_the_global_providers_stay_as_they_are(received: Received):
    """The Azure libraries of this process must not begin to send spans because of us."""
    received.one(a_span())
    assert not hasattr(trace.get_tracer_provider(), "add_span_processor")
    assert "sdk" not in type(metrics.get_meter_provider()).__module__


class Slow:
    """A receiver that remembers, and may fail or block."""

    def __init__(self) -> None:
        self.taken: list = []
        self.closed = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.fails_on: str = ""

    def take(self, item) -> None:
        self.gate.wait(5)
        if item.name == self.fails_on:
            raise RuntimeError("sig=secret of the service")
        self.taken.append(item)

    def close(self) -> None:
        self.closed.set()


def until(holds) -> None:
    """Wait for a thread."""
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_span_is_told_with_its_times_its_notes_and_its_end():
    """Errors go on; of an error its kind is told, and not its words."""
    slow = Slow()
    telemetry = QueuedTelemetry(lambda: slow, start_after_s=0)
    with telemetry.span("notice", about="e", attributes={"channel": "teams"}) as span:
        span.note(outcome="sent")
    with pytest.raises(KeyError), telemetry.span("notice", about="e"):
        raise KeyError("a secret")
    until(lambda: len(slow.taken) == 2)
    telemetry.close()
    good, bad = slow.taken
    assert {"channel": "teams", "outcome": "sent"} == good.attributes
    assert (False, True) == (good.is_failed, bad.is_failed)
    assert good.began <= good.ended <= bad.began
    assert {"error": "KeyError"} == bad.attributes
    assert slow.closed.is_set()


def test_what_was_told_before_the_thread_began_is_handed_over():
    """The first event is the one that a person looks for."""
    slow = Slow()
    telemetry = QueuedTelemetry(lambda: slow, start_after_s=0.05)
    telemetry.count("nightshift.effects", verb="drain")
    telemetry.measure("nightshift.lead_time", 1.5)
    telemetry.gauge("nightshift.plans.open", 3)
    assert [] == slow.taken
    until(lambda: len(slow.taken) == 3)
    assert [1, 1.5, 3] == [one.value for one in slow.taken]
    telemetry.close()


def test_nobody_waits_for_a_receiver_that_is_stuck():
    """What does not fit is lost and counted; the engine goes on."""
    slow = Slow()
    slow.gate.clear()
    telemetry = QueuedTelemetry(lambda: slow, most=10, start_after_s=0)
    for _ in range(1000):
        telemetry.told(a_span())
    assert telemetry.lost >= 980
    slow.gate.set()
    until(lambda: slow.taken)
    telemetry.close()


def test_one_entry_that_cannot_be_taken_is_left_out(caplog: pytest.LogCaptureFixture):
    """The next one is taken, and the log says so once."""
    slow = Slow()
    slow.fails_on = "bad"
    telemetry = QueuedTelemetry(lambda: slow, start_after_s=0)
    for name in ("bad", "bad", "good"):
        telemetry.told(a_span(name))
    until(lambda: slow.taken)
    telemetry.close()
    assert ["good"] == [one.name for one in slow.taken]
    assert 2 == telemetry.lost
    assert 1 == caplog.text.count("telemetry lost=1")


def test_a_library_that_cannot_be_imported_is_said_and_forgotten(
    caplog: pytest.LogCaptureFixture,
):
    """Telemetry is off then; nothing else is."""

    def broken():
        raise ImportError("no module named opentelemetry")

    telemetry = QueuedTelemetry(broken, start_after_s=0)
    for _ in range(5):
        telemetry.told(a_span())
    until(lambda: telemetry.lost == 5)
    assert "telemetry=off" in caplog.text
    telemetry.close()


def test_only_a_setting_turns_it_on(caplog: pytest.LogCaptureFixture):
    """The platform sets the connection string by itself: that alone says nothing."""
    caplog.set_level(logging.WARNING)
    assert isinstance(azure_monitor(Settings(insights=INSIGHTS)), Nobody)
    assert "" == caplog.text
    assert isinstance(azure_monitor(Settings(telemetry=True)), Nobody)
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING is empty" in caplog.text
    assert azure_monitor(Settings(telemetry=True, insights=INSIGHTS)).is_on


def test_a_connection_string_that_is_none_is_refused_only_where_it_is_used():
    """A reference that the platform could not resolve must not stop a night without it."""
    broken = {**STORAGE, "APPLICATIONINSIGHTS_CONNECTION_STRING": "@Microsoft.KeyVault(x)"}
    assert not read_settings(broken).telemetry
    with pytest.raises(InvalidSetting, match="begins with InstrumentationKey="):
        read_settings({**broken, "NIGHTSHIFT_TELEMETRY": "true"})
    both = {**STORAGE, "APPLICATIONINSIGHTS_CONNECTION_STRING": INSIGHTS}
    assert "InstrumentationKey" not in repr(read_settings(both))


def test_telling_imports_nothing_heavy():
    """Nor does the app, with telemetry on: the thread does, after the first event."""
    code = (
        "import sys, function_app, shared.adapters.telemetry, shared.engine.telling\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "[]\n" == ran.stdout
