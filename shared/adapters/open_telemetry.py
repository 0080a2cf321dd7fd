"""Entries of telemetry -> spans and metrics of OpenTelemetry. Imports its SDK at once.

Only ``shared.adapters.telemetry`` imports this, in its own thread. One thread makes all
spans, one after the other; so the names that the next one is to have can stand in the
generator of ids.

Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#id-generators;
https://learn.microsoft.com/azure/azure-monitor/app/opentelemetry-configuration
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from shared.adapters.telemetry import Figure, is_known
from shared.core.tracing import (
    COUNT,
    GAUGE,
    METRICS,
    Metric,
    parse_traceparent,
    span_id,
    trace_id,
)
from shared.ports.telemetry import Told

PREFIX = "nightshift."
SERVICE = "nightshift"
_KINDS: Mapping[str, SpanKind] = {
    "event": SpanKind.CONSUMER,
    "notice": SpanKind.PRODUCER,
    "export": SpanKind.PRODUCER,
}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Names(RandomIdGenerator):
    """Gives the ids that the next span is to have, once; chance otherwise."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        """Return the trace's id."""
        named, self.trace = self.trace, 0
        return named or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the span's id."""
        named, self.span = self.span, 0
        return named or super().generate_span_id()


class OpenTelemetryReceiver:
    """Implements ``shared.adapters.telemetry.Receiver``."""

    def __init__(
        self, processor: Callable[[TracerProvider], SpanProcessor], reader: MetricReader
    ) -> None:
        """Build providers of our own; the global ones stay as they are."""
        resource = Resource.create(
            {"service.name": SERVICE, "service.instance.id": socket.gethostname()}
        )
        self._names = _Names()
        self._traces = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            id_generator=self._names,
            shutdown_on_exit=False,
        )
        self._traces.add_span_processor(processor(self._traces))
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer(SERVICE)
        meter = self._meters.get_meter(SERVICE)
        self._puts = {name: _put(meter, one) for name, one in METRICS.items()}

    def take(self, item: Told | Figure) -> None:
        """Make a span of it, or a value of a metric.

        Raises:
            ValueError: It is of a metric or a label that is not documented.
        """
        if isinstance(item, Told):
            self._span(item)
            return
        if not is_known(item):
            raise ValueError(f"{item.name} has no labels {sorted(item.labels)}")
        self._puts[item.name](item.value, dict(item.labels))

    def _span(self, told: Told) -> None:
        trace, root = trace_id(told.about), span_id(told.about)
        is_root = bool(told.own) and span_id(told.own) == root
        around = Context()
        if not is_root:
            parent = span_id(told.within) if told.within else root
            outer = SpanContext(trace, parent, is_remote=True, trace_flags=_SAMPLED)
            around = set_span_in_context(NonRecordingSpan(outer), around)
        self._names.trace = trace
        self._names.span = span_id(told.own) if told.own else 0
        span = self._tracer.start_span(
            told.name,
            context=around,
            kind=_KINDS.get(told.name, SpanKind.INTERNAL),
            attributes={f"{PREFIX}{name}": value for name, value in told.attributes.items()},
            links=_links(told.link),
            start_time=_nanoseconds(told.began),
        )
        if told.is_failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(told.ended))
        self._names.trace = 0

    def close(self) -> None:
        """Send what is left, and end the threads of the SDK."""
        self._traces.shutdown()
        self._meters.shutdown()


def _put(meter: Meter, metric: Metric) -> Callable[[float, dict[str, str]], None]:
    if metric.kind == COUNT:
        return meter.create_counter(metric.name, metric.unit, metric.meaning).add
    if metric.kind == GAUGE:
        return meter.create_gauge(metric.name, metric.unit, metric.meaning).set
    return meter.create_histogram(metric.name, metric.unit, metric.meaning).record


def _links(traceparent: str) -> list[Link]:
    found = parse_traceparent(traceparent)
    if found is None:
        return []
    trace, span = found
    return [Link(SpanContext(trace, span, is_remote=True, trace_flags=_SAMPLED))]


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def to_azure_monitor(connection_string: str) -> OpenTelemetryReceiver:
    """Build a receiver that sends to Application Insights, in batches.

    What the service does not take is not kept on disk: an instance's disk is not to fill
    while it is away.
    """
    from azure.monitor.opentelemetry.exporter import (
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its warnings come with every batch while the service is away.
    logging.getLogger("azure.monitor.opentelemetry").setLevel(logging.ERROR)

    def processor(provider: TracerProvider) -> SpanProcessor:
        exporter = AzureMonitorTraceExporter(
            connection_string=connection_string,
            disable_offline_storage=True,
            tracer_provider=provider,
        )
        return BatchSpanProcessor(exporter)

    metrics = AzureMonitorMetricExporter(
        connection_string=connection_string, disable_offline_storage=True
    )
    return OpenTelemetryReceiver(processor, PeriodicExportingMetricReader(metrics))
