"""Facts a person writes, and facts that hold more than they should."""

from __future__ import annotations

import pytest

from shared.core.facts import FactsKind, NodeFacts
from shared.core.facts_json import (
    NOT_KEPT,
    WrongFacts,
    facts_from_json,
    facts_to_json,
    without_secrets,
)
from tests.builders import VM, a_node, a_resource

DOCUMENT = facts_to_json(NodeFacts(a_resource(VM), a_node(29)))


def test_a_misspelt_fact_is_refused_with_the_name_that_was_meant():
    """It must not be taken for one that nobody observed."""
    wrong = {**DOCUMENT, "node": {**DOCUMENT["node"], "is_redy": True}}
    with pytest.raises(WrongFacts, match=r"node: 'is_redy' is no such fact; .* is_ready\?"):
        facts_from_json(FactsKind.NODE, wrong, is_strict=True)


def test_a_later_releases_fact_is_ignored_in_a_record():
    """An older command line reads what a newer app recorded."""
    later = {**DOCUMENT, "rack": "b12"}
    assert NodeFacts(a_resource(VM), a_node(29)) == facts_from_json(FactsKind.NODE, later)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resource": None}, "resource: is null, should be an object"),
        ({"node": {"name": 7}}, "node.name: is a number, should be a text"),
        ({"node": {}}, "node: has no 'name', should have name, cluster"),
        ({"resource": {**DOCUMENT["resource"], "tags": {"a": 1}}}, "resource.tags.a: is a"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(change, words):
    """Where, what it was, what would be right."""
    with pytest.raises(WrongFacts) as refused:
        facts_from_json(FactsKind.NODE, {**DOCUMENT, **change})
    assert words in str(refused.value)


def test_a_duration_may_be_written_as_in_rules():
    """Whoever writes facts by hand writes 1h, not 3600."""
    use = {"window": "1h30m", "cpu": 0, "gpu": None, "network": 1.5}
    document = {
        "resource": DOCUMENT["resource"],
        "power": "running",
        "has_gpu": None,
        "utilisation": {**use, "samples": 1, "expected_samples": 2},
    }
    read = facts_from_json(FactsKind.MACHINE, document)
    assert 5400 == read.utilisation.window.total_seconds()


def test_a_tag_that_holds_a_secret_is_not_kept():
    """Nobody should have put it there; the ledger must not spread it."""
    tags = {"hidden-link: /app-insights-conn-string": "key=1", "workload": "training"}
    facts = without_secrets(NodeFacts(a_resource(VM, tags=tags), None))
    assert {
        "hidden-link: /app-insights-conn-string": NOT_KEPT,
        "workload": "training",
    } == facts.resource.tags
