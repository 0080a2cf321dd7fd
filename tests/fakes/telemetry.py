"""Somebody who watches, and remembers; strict about names, as the real one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.tracing import COUNT, GAUGE, HISTOGRAM, METRICS, span_id, trace_id
from shared.ports.telemetry import NOTHING, Span, Told, Value


@dataclass
class Going:
    """A span under way."""

    attributes: dict[str, Value]

    def note(self, **attributes: Value) -> None:
        """Remember."""
        self.attributes.update(attributes)


@dataclass
class FakeTelemetry:
    """All that was told."""

    now: Callable[[], datetime]
    spans: list[Told] = field(default_factory=list)
    figures: list[tuple[str, float, Mapping[str, str]]] = field(default_factory=list)
    is_on: bool = True

    @contextmanager
    def span(
        self, name: str, *, about: str, attributes: Mapping[str, Value] = NOTHING
    ) -> Iterator[Span]:
        """Tell of what is done inside."""
        going, began, is_failed = Going(dict(attributes)), self.now(), True
        try:
            yield going
            is_failed = False
        finally:
            self.told(
                Told(name, about, began, self.now(), going.attributes, is_failed=is_failed)
            )

    def told(self, span: Told) -> None:
        """Remember a span."""
        assert span.about, span
        assert span.began <= span.ended, span
        assert all(isinstance(one, str | int | float) for one in span.attributes.values())
        self.spans.append(span)

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Remember an increment."""
        self._figure(COUNT, name, value, labels)

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Remember a measurement."""
        self._figure(HISTOGRAM, name, value, labels)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Remember a level."""
        self._figure(GAUGE, name, value, labels)

    def _figure(self, kind: str, name: str, value: float, labels: Mapping[str, str]) -> None:
        assert METRICS[name].kind == kind, name
        assert labels.keys() <= METRICS[name].labels, labels
        self.figures.append((name, value, labels))

    def named(self, name: str) -> list[Told]:
        """Give the spans of a name."""
        return [one for one in self.spans if one.name == name]

    def values(self, name: str) -> list[float]:
        """Give the values of a metric."""
        return [value for known, value, _ in self.figures if known == name]

    def traces(self) -> set[int]:
        """Give the traces that anything was told of."""
        return {trace_id(one.about) for one in self.spans}


def within(span: Told) -> int:
    """Give the id of the span around a span."""
    return span_id(span.within or span.about)
