"""Ladders: what is tried in turn, what each rung is told, and how it is verified."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.rules.conditions import environment, judge
from tests.unit.rules.small import FACTS, GOOD, NOW, RESOURCE, SIGNAL, load, refusal

MINUTE = timedelta(minutes=1)


def ladder(*rungs: str, more: str = "") -> str:
    """Give the good rule with a ladder from the fifth line on."""
    lines = "".join(f"      - {rung}\n" for rung in rungs)
    return GOOD.replace("remediate: small_thing\n", f"remediate:\n{lines}{more}")


def test_a_ladder_is_tried_from_the_top():
    """Each rung has its own settings, conditions and time."""
    text = ladder(
        "small_thing: {tries: 5, verify: facts.power == 'running', timeout: 25m}",
        "timed_thing",
        "node_thing: {verify: [facts.node == null, now == now]}",
        "small_thing:",
    )
    (rule,) = load(text, several=True).rules
    shown = [
        (r.remediation.name, [c.text for c in r.verify], r.timeout, len(rule.ladder))
        for r in rule.rungs
    ]
    assert [
        ("small_thing", ["facts.power == 'running'"], 25 * MINUTE, 3),
        ("timed_thing", [], None, 3),
        ("node_thing", ["facts.node == null", "now == now"], None, 3),
        ("small_thing", [], None, 3),
    ] == shown
    assert (5, 2) == (rule.settings.tries, rule.ladder[2].settings.tries)
    assert (rule.remediation, rule.verify, rule.timeout) == (
        rule.rungs[0].remediation,
        rule.rungs[0].verify,
        rule.rungs[0].timeout,
    )


def test_a_rule_without_a_ladder_has_one_rung():
    """The engine walks rungs and need not ask whether there is a ladder."""
    (rule,) = load(GOOD).rules
    assert [(rule.remediation, rule.settings, (), None)] == [
        (one.remediation, one.settings, one.verify, one.timeout) for one in rule.rungs
    ]


def test_one_word_verifies_that_a_fact_is_true():
    """The design writes ``verify: [gpu_count, clean_report]``."""
    (rule,) = load(ladder("small_thing: {verify: [has_gpu]}")).rules
    (condition,) = rule.verify
    assert "facts.has_gpu == true" != condition.text == "facts.has_gpu"
    seen = {**environment(SIGNAL, RESOURCE, FACTS, NOW), "facts": {"has_gpu": True}}
    assert judge(condition, seen).is_match


def test_a_setting_called_timeout_stands_apart_from_the_rungs():
    """Which of the two is meant is written, never guessed."""
    apart = ladder("timed_thing: {with: {timeout: 2m}, timeout: 25m}", "timed_thing: {with: }")
    (problem,) = refusal(apart, several=True)
    assert "f0.yaml:6:29: the settings of timed_thing are no mapping" in problem
    (rule,) = load(apart.replace("{with: }", "{with: {timeout: 3m}}"), several=True).rules
    assert [(2 * MINUTE, 25 * MINUTE), (3 * MINUTE, None)] == [
        (one.settings.timeout, one.timeout) for one in rule.rungs
    ]
    assert refusal(ladder("timed_thing: {timeout: 2m}"), several=True) == [
        (
            "f0.yaml:5:23: timed_thing has a setting 'timeout' too: which is meant?; write"
            " timed_thing: {with: {timeout: ...}} for the setting, and timeout beside with for"
            " the rung's own"
        )
    ]


def test_settings_may_stand_in_with_for_the_first_rung():
    """As a rule of one remediation has them, and as a later layer changes them."""
    text = ladder("small_thing: {timeout: 5m}", "small_thing", more="    with: {tries: 9}\n")
    layer = "rules: [{name: small-rule, with: {wait: 3s}}]"
    (rule,) = load(text, layer).rules
    assert (9, timedelta(seconds=3), 5 * MINUTE) == (
        rule.settings.tries,
        rule.settings.wait,
        rule.timeout,
    )
    assert 2 == rule.ladder[0].settings.tries


def test_a_later_layer_replaces_the_ladder_as_a_whole():
    """Half a ladder of each layer is nobody's ladder."""
    base = ladder("small_thing: {tries: 5, timeout: 5m}", "timed_thing")
    over = "rules: [{name: small-rule, remediate: %s}]"
    (plain,) = load(base, over % "small_thing", several=True).rules
    assert (5, None, ()) == (plain.settings.tries, plain.timeout, plain.ladder)
    (other,) = load(base, over % "[node_thing, small_thing]", several=True).rules
    assert ("node_thing", 2, "small_thing") == (
        other.remediation.name,
        other.settings.tries,
        other.ladder[0].remediation.name,
    )


@pytest.mark.parametrize(
    ("rung", "problem"),
    [
        ("smal_thing", "6:9: unknown remediation 'smal_thing'; did you mean small_thing?"),
        ("idle_thing", "6:9: idle_thing does not answer vm.preempt; it answers compute.idle"),
        ("3", "6:9: this is not one remediation; write its name, or its name and settings"),
        ("{small_thing: {}, node_thing: {}}", "6:9: this is not one remediation"),
        ("small_thing: 3", "6:22: what small_thing is told is no mapping"),
        ("small_thing: {trise: 3}", "6:23: small_thing has no setting 'trise'; did you mean"),
        ("small_thing: {tries: x}", "6:30: small_thing.tries: 'x' does not fit"),
        ("small_thing: {share: 3}", "6:22: small_thing: share 3.0 is no fraction"),
        ("small_thing: {with: {tries: 3}, wait: 3s}", "6:41: 'wait' stands beside with"),
        ("small_thing: {timeout: 3}", "small_thing.timeout: 3 is not a duration"),
        ("small_thing: {timeout: 8d}", "small_thing.timeout: '8d' does not fit; write 1s to"),
        ("small_thing: {verify: []}", "small_thing.verify does not fit: it is []; write one"),
        ("small_thing: {verify: {a: b}}", "small_thing.verify does not fit"),
        ("small_thing: {verify: [3]}", "6:32: small_thing.verify: 3 is no text"),
        ("small_thing: {verify: now && 1 ==}", "6:42: small_thing.verify: the condition doe"),
        ("small_thing: {verify: facts.node == 1}", "small_thing.verify: facts has no member"),
        ("node_thing: {verify: facts.power == ''}", "node_thing.verify: facts has no member"),
        ("small_thing: {verify: clean}", "6:31: small_thing.verify: facts has no member 'cle"),
        (
            "small_thing: {verify: signal.x == 1}",
            "6:31: small_thing.verify: there is no variable 'signal' here; write one of",
        ),
    ],
)
def test_a_rung_that_cannot_work_is_refused_where_it_stands(rung, problem):
    """The last rung is reached in the worst night, which is too late to find out."""
    found = refusal(ladder("small_thing", rung), several=True)
    assert any(problem in one for one in found), found


def test_a_ladder_has_an_end():
    """And a beginning."""
    (long,) = refusal(ladder(*["small_thing"] * 9))
    assert "f0.yaml:13:9: a ladder of 9 rungs; write at most 8" == long
    (empty,) = refusal(GOOD.replace("small_thing", "[]"))
    assert "f0.yaml:4:16: there is no rung; write remediate: drain_node" == empty
