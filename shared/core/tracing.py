"""Names of traces and spans, and of every metric. Pure.

A trace is named after the event it is about, and a span, where another process must name
it too, after what it tells of. So every instance, every hop through a queue and every
redelivery of one event is one trace, with no header to carry.

Source: https://www.w3.org/TR/trace-context/#trace-id (16 and 8 bytes, not all zero)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_NO_VERSION = "ff"


def trace_id(event_id: str) -> int:
    """Name an event's trace: 16 bytes, never zero; ids that differ in case are one event."""
    return _named("trace", event_id.casefold(), 16)


def span_id(name: str) -> int:
    """Name a span after what it tells of (a plan's id, an event's): 8 bytes, never zero."""
    return _named("span", name.casefold(), 8)


def _named(kind: str, name: str, size: int) -> int:
    digest = hashlib.sha256(f"{kind}\x1f{name}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:size], "big") or 1


def parse_traceparent(text: str) -> tuple[int, int] | None:
    """Read the header ``traceparent``: trace and span; None if it is none.

    Source: https://www.w3.org/TR/trace-context/#traceparent-header-field-values
    """
    found = _TRACEPARENT.fullmatch(text.strip())
    if found is None or found["version"] == _NO_VERSION:
        return None
    trace, span = int(found["trace"], 16), int(found["span"], 16)
    return (trace, span) if trace and span else None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        labels: All it may be split by: our own words, never the id of anything.
    """

    name: str
    kind: str
    unit: str
    labels: frozenset[str]
    meaning: str


def _metric(name: str, kind: str, unit: str, labels: str, meaning: str) -> Metric:
    return Metric(f"nightshift.{name}", kind, unit, frozenset(labels.split()), meaning)


COUNT, GAUGE, HISTOGRAM = "count", "gauge", "histogram"
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        one.name: one
        for one in (
            _metric(
                "decisions",
                COUNT,
                "{decision}",
                "rule kind reason",
                "answers of rules, each with its reason",
            ),
            _metric("plans.open", GAUGE, "{plan}", "", "plans that are not closed"),
            _metric(
                "plans.oldest_open_age",
                GAUGE,
                "s",
                "",
                "since when the oldest of them is open; 0 if none is",
            ),
            _metric(
                "lead_time",
                HISTOGRAM,
                "s",
                "signal remediation",
                "from the source's observation to the begin of the first step",
            ),
            _metric(
                "deadline.margin",
                HISTOGRAM,
                "s",
                "signal remediation outcome",
                "time left to the deadline when a plan's last step ended; negative: late",
            ),
            _metric(
                "effects", COUNT, "{step}", "verb outcome reason", "steps that have ended"
            ),
        )
    }
)
"""Every metric by name. Released names and labels only grow."""
