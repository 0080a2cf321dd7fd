"""Traces and metrics to Application Insights, from a thread that nobody waits for.

Telling costs an entry in a queue. The libraries are imported by the thread, a moment
after the first entry, so that neither a cold start nor a first effect pays for them. What
does not fit into the queue, or comes while the receiver is away, is lost and counted: the
ledger and the audit lose nothing, this may.

No global provider is set and no library is instrumented: what is told is what
``shared.engine.telling`` tells, and nothing of a payload, a header or a token.

Source: https://opentelemetry-python.readthedocs.io/en/stable/sdk/index.html;
https://learn.microsoft.com/python/api/overview/azure/monitor-opentelemetry-exporter-readme
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Protocol

from shared.adapters.clock import SystemClock
from shared.core.settings import Settings
from shared.core.tracing import METRICS
from shared.ports.telemetry import NOTHING, Nobody, Span, Telemetry, Told, Value

MOST_WAITING = 20_000
START_AFTER_S = 5.0
STOP_WITHIN_S = 3.0
_LOG = logging.getLogger("nightshift")


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of a metric."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Receiver(Protocol):
    """What the thread hands everything to; made in the thread, for it imports libraries."""

    def take(self, item: Told | Figure) -> None:
        """Take one entry."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class QueuedTelemetry:
    """Implements ``shared.ports.telemetry.Telemetry`` by a queue and a thread."""

    is_on = True

    def __init__(
        self,
        receiver: Callable[[], Receiver],
        *,
        most: int = MOST_WAITING,
        start_after_s: float = START_AFTER_S,
    ) -> None:
        """Remember who is to receive; nothing is imported and no thread begins yet."""
        self._receiver = receiver
        self._waiting: queue.Queue[Told | Figure | None] = queue.Queue(most)
        self._start_after_s = start_after_s
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = threading.Event()
        self.lost = 0

    @contextmanager
    def span(
        self, name: str, *, about: str, attributes: Mapping[str, Value] = NOTHING
    ) -> Iterator[Span]:
        """Tell of what is done inside; an error goes on, and is told by its kind only."""
        going = _Going(dict(attributes))
        began = self._clock.now()
        is_failed = False
        try:
            yield going
        except BaseException as error:
            is_failed = True
            going.note(error=type(error).__name__)
            raise
        finally:
            ended = self._clock.now()
            self.told(Told(name, about, began, ended, going.attributes, is_failed=is_failed))

    def told(self, span: Told) -> None:
        """Put a span that has ended into the queue."""
        self._put(span)

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Put an increment into the queue."""
        self._put(Figure(name, value, labels))

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Put a measurement into the queue."""
        self._put(Figure(name, value, labels))

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Put a level into the queue."""
        self._put(Figure(name, value, labels))

    def _put(self, item: Told | Figure) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            self.lost += 1
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                work = threading.Thread(
                    target=self._work, name="nightshift-telemetry", daemon=True
                )
                self._thread = work
                work.start()
                atexit.register(self.close)

    def close(self) -> None:
        """Hand over what waits, for a few seconds at most; for the process's end."""
        self._is_closing.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._end_of_queue()
            thread.join(STOP_WITHIN_S)

    def _end_of_queue(self) -> None:
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self.lost += 1

    def _work(self) -> None:
        """Wait a moment, import, then hand over one entry after the other.

        A process that ends within that moment can import nothing more: what it told is
        lost.
        """
        if self._is_closing.wait(self._start_after_s):
            return
        try:
            receiver = self._receiver()
        except Exception as error:  # noqa: BLE001 - a missing or broken library ends no night
            _LOG.warning("telemetry=off why=%r", f"{type(error).__name__}: {error}")
            self._drop_all()
            return
        while (item := self._waiting.get()) is not None:
            self._hand_over(receiver, item)
        self._hand_over_end(receiver)

    def _hand_over(self, receiver: Receiver, item: Told | Figure) -> None:
        try:
            receiver.take(item)
        except Exception as error:  # noqa: BLE001 - one entry must not end the thread
            if not self.lost:
                _LOG.warning("telemetry lost=1 why=%r", f"{type(error).__name__}: {error}")
            self.lost += 1

    def _hand_over_end(self, receiver: Receiver) -> None:
        try:
            receiver.close()
        except Exception as error:  # noqa: BLE001 - the process ends, whatever this says
            _LOG.warning("telemetry closing=%r", f"{type(error).__name__}: {error}")

    def _drop_all(self) -> None:
        """Empty the queue for good, so that it holds no memory."""
        while self._waiting.get() is not None:
            self.lost += 1


@dataclass(slots=True)
class _Going:
    attributes: dict[str, Value]

    def note(self, **attributes: Value) -> None:
        self.attributes.update(attributes)


def azure_monitor(settings: Settings) -> Telemetry:
    """Return telemetry to Application Insights; nobody's if it is off or not installed."""
    if not settings.telemetry:
        return Nobody()
    if not settings.insights or find_spec("opentelemetry") is None:
        _LOG.warning(
            "telemetry=off why='%s'",
            "opentelemetry is not installed"
            if settings.insights
            else "APPLICATIONINSIGHTS_CONNECTION_STRING is empty",
        )
        return Nobody()

    def receiver() -> Receiver:
        from shared.adapters.open_telemetry import to_azure_monitor

        return to_azure_monitor(settings.insights)

    return QueuedTelemetry(receiver)


def is_known(figure: Figure) -> bool:
    """Tell whether a metric and its labels are among those that are documented."""
    metric = METRICS.get(figure.name)
    return metric is not None and figure.labels.keys() <= metric.labels
