"""Laws of half-right rule files: nothing is lost in silence, and editors see the same."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
from hypothesis import event, example, given
from hypothesis import strategies as st

from shared.rules.documents import plain, read
from shared.rules.problems import Problems, RulesRefused
from shared.rules.schema import rules_schema
from tests.property.test_rules import RICH, check, outcome
from tests.unit.rules.small import SEVERAL

SCHEMA = jsonschema.Draft7Validator(rules_schema(SEVERAL))
NODE = read("f", RICH, Problems())
assert NODE is not None
WHOLE: Any = plain(NODE)
Path = tuple[str | int, ...]


def paths(node: Any, path: Path = ()) -> list[Path]:
    """List every place in a document."""
    found = [path] if path else []
    if isinstance(node, dict):
        return found + [p for key in node for p in paths(node[key], (*path, key))]
    if isinstance(node, list):
        return found + [p for i, one in enumerate(node) for p in paths(one, (*path, i))]
    return found


PLACES = st.sampled_from(paths(WHOLE))
ODD = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, "", "x", "1h", "true", [], {}, [1], [[]], [None]),
        *({"a": 1}, {"with": 3}, {"": ""}, ["small_thing", 3], "tag:a=b", "é", 1e300),
    ]
)


def wounded(path: Path, value: Any, *, is_cut: bool) -> Any:
    """Put another value at a place, or take it out."""
    document = copy.deepcopy(WHOLE)
    node = document
    for part in path[:-1]:
        node = node[part]
    if is_cut:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return document


@example(path=("rules", 0, "remediate"), value=None, is_cut=False)
@example(path=("rules", 1, "on"), value=None, is_cut=False)
@given(path=PLACES, value=ODD, is_cut=st.booleans())
def test_a_wounded_file_is_refused_or_loses_no_rule(path, value, is_cut):
    """A rule that vanished in silence would be missed on the night it is needed."""
    document = wounded(path, value, is_cut=is_cut)
    result = outcome(json.dumps(document))
    check(result)
    event("refused" if isinstance(result, RulesRefused) else "loaded")
    if not isinstance(result, RulesRefused):
        assert len(document["rules"]) == len(result.rules)
        assert all(rule.on for rule in result.rules)
        assert not list(SCHEMA.iter_errors(document))
