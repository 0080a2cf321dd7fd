"""docs/AUDIT.md says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from cli.audit_columns import PAGE, page
from shared.core.audit_tables import TABLES, EventType
from shared.core.settings import Settings

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_columns_on_the_page_are_those_of_the_code():
    """A column that is not on the page is one that nobody queries."""
    assert page(TEXT) == TEXT


def test_a_page_without_its_marks_is_refused():
    """Writing over the wrong part of a page would lose what a person wrote."""
    with pytest.raises(ValueError, match="put both back"):
        page("# The audit")


def test_the_page_names_every_event_and_every_setting():
    """What is published and what must be set is found in one place."""
    ours = [f.metadata["variable"] for f in fields(Settings) if f.name in SETTINGS]
    assert len(SETTINGS) == len(ours)
    for name in (*EventType, *ours):
        assert name.removeprefix("NIGHTSHIFT_STEPS") in TEXT, name


SETTINGS = {
    "ingestion_endpoint",
    "ingestion_rule",
    "ingestion_audience",
    "outcome_topic",
    "outcome_audience",
    "plans_stream",
}


def test_queries_use_columns_that_exist():
    """A query copied from the page must run: its columns are those of its tables."""
    known = {column.name for its in TABLES.values() for column in its} | set(TABLES)
    queries = re.findall(r"```kusto\n(.*?)```", TEXT, re.DOTALL)
    assert 6 == len(queries)
    for query in queries:
        bare = re.sub(r'"[^"]*"', "", query)
        made = set(re.findall(r"\b([A-Z]\w+) = ", bare))
        used = set(re.findall(r"\b[A-Z][A-Za-z_]+\b", bare))
        assert used <= known | made, used - known - made
