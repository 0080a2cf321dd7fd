"""Documents in rows: nothing is lost where they are cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.table_rows import (
    CHUNK,
    closed_row,
    document,
    document_of,
    plan_of,
    plan_row,
)
from shared.core.errors import InvalidTarget
from shared.core.plans import Mode, Plan, plan_id

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLAN = Plan(
    id=plan_id("r", "e", "/t"),
    rule="r",
    rule_hash="",
    remediation="drain_node",
    mode=Mode.AUTO,
    target="/t",
    signal={},
    steps=(),
    created_at=NOW,
)

_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)
_VALUES = st.dictionaries(_TEXT, st.recursive(_TEXT | st.integers() | st.none(), st.lists))


@given(_VALUES)
def test_a_document_comes_back_as_it_was(value):
    """Any JSON, surrogates without their other half included."""
    row = document(value, "x")
    for part in row.values():
        part.encode()
    assert value == document_of(row)


@settings(max_examples=25)
@given(st.integers(min_value=0, max_value=3), st.integers(min_value=-3, max_value=3), _TEXT)
def test_no_part_is_larger_than_a_property(count: int, off: int, text: str):
    """Counted in UTF-16, as the service does, at and around each cut."""
    value = {"t": "\U0001f680" * max(0, count * CHUNK // 2 + off) + text}
    row = document(value, "x")
    assert value == document_of(row)
    assert max(len(part.encode("utf-16-le")) // 2 for part in row.values()) <= CHUNK


@given(st.integers(min_value=0, max_value=10**11), st.integers(min_value=1, max_value=10**11))
def test_a_later_close_comes_first(at: int, later: int):
    """Rows are read in the order of their keys: newest first needs the key to fall."""
    first = closed_row(PLAN, NOW + timedelta(microseconds=at))
    second = closed_row(PLAN, NOW + timedelta(microseconds=at + later))
    assert second["RowKey"] < first["RowKey"]


def test_a_row_that_is_no_plan_is_named():
    """Somebody edited the table: say which row, and do not break with a KeyError."""
    row = {**plan_row(PLAN), "doc0": '{"id": 1}'}
    with pytest.raises(InvalidTarget, match=f"the row plan:{PLAN.id} is not a plan"):
        plan_of(row, "v1")
    with pytest.raises(InvalidTarget):
        plan_of({"RowKey": "plan:x"}, "v1")


def test_columns_repeat_what_a_person_looks_for():
    """Storage Explorer shows the state of a plan without its document."""
    row = plan_row(replace(PLAN, rule="r" * 999))
    assert ("open", "drain_node", "", "r" * 200) == (
        row["state"],
        row["remediation"],
        row["outcome"],
        row["rule"],
    )
