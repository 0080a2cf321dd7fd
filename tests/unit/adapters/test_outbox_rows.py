"""How pointers lie in rows: what is written is read, and what is not ours is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters import outbox_rows as rows
from shared.core.errors import InvalidTarget
from shared.ports import Pointer

MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1))
SINKS = st.sampled_from(["log_analytics", "outcome_topic"])
POINTERS = st.builds(
    Pointer,
    key=st.from_regex(r"[0-9a-f]{12}-[0-9a-f]{24}", fullmatch=True),
    at=MOMENTS,
    etag=st.just("v1"),
    exported=st.dictionaries(SINKS, st.integers(0, 1 << 3000)),
    later=st.dictionaries(SINKS, MOMENTS),
    claimed_until=st.none() | MOMENTS,
)


@given(POINTERS)
def test_a_pointer_that_is_written_is_read_the_same(pointer: Pointer):
    """Progress that changed on its way would tell twice or, worse, never."""
    row = rows.pointer_row(pointer)
    assert pointer == rows.pointer_of(row, "v1")
    assert pointer.key[0] == row["PartitionKey"]
    assert all(len(str(value)) < 30_000 for value in row.values())


def test_what_touches_a_pointer_says_nothing_of_its_progress():
    """It is merged into the row, so what it does not name stays."""
    row = rows.touched_row("abc", datetime(2030, 1, 1, tzinfo=UTC))
    assert {"PartitionKey", "RowKey", "at"} == row.keys()


@pytest.mark.parametrize(
    "bad", [{"at": "yesterday"}, {"exported": "{"}, {"later": '{"a": 1}'}]
)
def test_a_row_that_is_no_pointer_is_refused(bad):
    """Guessing at progress would lose records; none at all only tells them again."""
    row = {**rows.touched_row("abc", datetime(2030, 1, 1, tzinfo=UTC)), **bad}
    with pytest.raises(InvalidTarget, match="abc is no pointer"):
        rows.pointer_of(row, "v1")
    mended = rows.mended(row, "v1")
    assert ("abc", "v1", {}) == (mended.key, mended.etag, mended.exported)


def test_an_events_record_is_found_by_its_pointer():
    """Its row key has a bar of its own."""
    row = {"PartitionKey": "0f", "RowKey": "fired|abc"}
    key = rows.event_pointer(row)
    assert ("0f", "fired|abc") == rows.event_key(key)
    assert ("0", key) == rows.pointer_key(key)
