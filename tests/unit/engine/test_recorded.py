"""An event's record keeps the facts that each rule decided on."""

from __future__ import annotations

from shared.core.facts import FactsKind
from shared.core.facts_json import facts_from_json
from shared.engine.recorded import FACTS_MOST, recorded_facts
from tests.builders import a_notice, a_rule
from tests.shift import Shift


def test_a_decision_is_recorded_with_its_facts():
    """A replay decides on the same, and a person sees what was known then."""
    night = Shift.begin(a_rule())
    night.with_node(tags={"workload": "training"})

    night.deliver(a_notice())

    [record] = night.records("e-1")
    [(kind, value)] = recorded_facts(record.decisions)
    facts = facts_from_json(FactsKind(kind), value)
    assert {"workload": "training"} == facts.resource.tags
    assert night.node().name == facts.node.name


def test_facts_that_rules_share_are_written_once():
    """They are the greatest part of a record."""
    night = Shift.begin(a_rule(when='target.name == ""'), a_rule(name="second"))
    night.with_node()

    night.deliver(a_notice())

    [record] = night.records("e-1")
    assert {"kind": "node", "same_as": 0} == record.decisions[1]["facts"]
    assert 1 == len(list(recorded_facts(record.decisions)))


def test_a_target_that_is_gone_is_a_fact_and_an_unread_one_is_none():
    """A replay must tell "there was no such thing" from "nobody knows"."""
    night = Shift.begin(a_rule())

    night.deliver(a_notice())

    [record] = night.records("e-1")
    assert ("target_gone", {"kind": "node", "value": None}) == (
        record.decisions[0]["reason"],
        record.decisions[0]["facts"],
    )


def test_facts_too_large_for_a_row_are_left_out_and_said_so():
    """The record itself must never fail to be stored because of them."""
    night = Shift.begin(a_rule())
    night.with_node(tags={f"tag-{n}": "x" * 256 for n in range(FACTS_MOST // 256)})

    night.deliver(a_notice())

    [record] = night.records("e-1")
    assert record.decisions[0]["facts"]["too_large"] > FACTS_MOST
    assert [] == list(recorded_facts(record.decisions))
