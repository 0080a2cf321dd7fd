"""Each threat in docs/SECURITY.md names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Threats\n")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines()[4:] if line.strip()]
NAMED = re.compile(r"^`(tests/[\w/]+\.py)::(test_\w+)`$")


def names(path):
    """Read the names of the tests of a file."""
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(parsed) if hasattr(node, "name")}


def test_the_table_was_read():
    """A table that is not found would make every other test here pass."""
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_what_stops_it_is_shown_by_a_test_that_exists(row):
    """A claim whose test was renamed or deleted is a claim that nobody checks."""
    _, _, stopped_by, shown = row
    assert stopped_by
    found = NAMED.match(shown)
    assert found, f"{shown} names no test"
    path, name = found.groups()
    assert name in names(ROOT / path)
