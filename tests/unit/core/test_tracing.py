"""Every process names the trace of an event alike, and metrics have bounded labels."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.tracing import METRICS, parse_traceparent, span_id, trace_id

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IDS = ("target", "event", "plan", "id", "owner", "name")


def test_an_event_has_one_trace_wherever_it_is_handled():
    """Another instance, and the next release, must come to this very number."""
    assert "fc9e6619d4ae0e4a7966831f5282ae29" == f"{trace_id('9f1c-evict'):032x}"
    assert trace_id("EVENT-1") == trace_id("event-1")
    assert trace_id("event-1") != trace_id("event-2")


@given(st.text())
def test_ids_are_what_the_standard_wants(name: str):
    """All zero is no id; more than 16 or 8 bytes is none either."""
    assert 0 < trace_id(name) < 1 << 128
    assert 0 < span_id(name) < 1 << 64


def test_a_span_is_not_named_after_the_trace():
    """Two hashes of one word would make one number out of two things."""
    assert span_id("a") != trace_id("a") >> 64


def test_a_traceparent_is_read():
    """The example of the standard."""
    wanted = (0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)
    assert wanted == parse_traceparent(PARENT)
    assert wanted == parse_traceparent(f" {PARENT} ")
    assert wanted == parse_traceparent(f"cc{PARENT[2:]}-what-comes-later")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        PARENT.upper(),
        f"ff{PARENT[2:]}",
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        PARENT + "\n" + PARENT,
        "x" * 10_000,
    ],
)
def test_what_is_no_traceparent_is_nobodys(text: str):
    """It comes from outside: a wrong one is left out, and breaks nothing."""
    assert parse_traceparent(text) is None


def test_no_metric_is_split_by_the_id_of_anything():
    """A label for each machine would cost more than the machines."""
    for metric in METRICS.values():
        assert re.fullmatch(r"nightshift\.[a-z_.]+", metric.name)
        assert not {label for label in metric.labels if label in IDS}
        assert metric.kind in {"count", "gauge", "histogram"}
