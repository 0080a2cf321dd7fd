"""Blocks: terms under a name, which rules use and may change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.plans import Mode
from shared.core.terms import ApprovalKind, Channel, Limit, LimitScope
from tests.unit.rules.small import GOOD, idle, load, refusal

HOUR = timedelta(hours=1)
BLOCKS = """blocks:
  - name: careful
    mode: suggest
    guard: {cooldown: 1h, max_age: 2h, limits: [{scope: rule, count: 1}]}
    approval: four_eyes
  - name: loud
    guard: {cooldown: 2h}
    notify: [teams, slack]
"""


def test_a_rule_has_the_terms_of_the_blocks_that_it_uses():
    """Later blocks over earlier, its own keys over both, guards key by key."""
    text = BLOCKS + idle("use: [careful, loud]", "guard: {max_age: 3h}", "notify: webhook")
    (rule,) = load(text).rules
    assert (Mode.SUGGEST, 2 * HOUR, 3 * HOUR, (Limit(LimitScope.RULE, 1),)) == (
        rule.mode,
        rule.cooldown,
        rule.max_age,
        rule.limits,
    )
    assert rule.approval is not None
    assert (ApprovalKind.FOUR_EYES, (Channel.WEBHOOK,)) == (rule.approval.kind, rule.notify)


def test_a_block_may_stand_in_another_file_or_layer():
    """A deployment changes the terms of many rules in one place."""
    rules = idle("use: loud")
    layer = "blocks: [{name: loud, notify: slack}]\nrules: []\n"
    (before,) = load(BLOCKS + "rules: []\n", rules).rules
    (after,) = load(BLOCKS + "rules: []\n", rules, layer).rules
    assert (2 * HOUR, 2 * HOUR) == (before.cooldown, after.cooldown)
    assert ((Channel.TEAMS, Channel.SLACK), (Channel.SLACK,)) == (before.notify, after.notify)
    assert before.hash != after.hash


def test_using_a_block_is_saying_the_same():
    """The hash is of what a rule says, not of where it says it."""
    (used,) = load(BLOCKS + idle("use: loud")).rules
    (said,) = load(idle("guard: {cooldown: 2h}", "notify: [teams, slack]")).rules
    assert used.hash == said.hash


def test_a_block_that_nobody_uses_is_fine():
    """It may be meant for another layer."""
    assert load(BLOCKS + GOOD).rules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            idle("use: carefull"),
            "f0.yaml:5:10: there is no block 'carefull'; did you mean car",
        ),
        (idle("use: [loud, quiet]"), "f0.yaml:5:17: there is no block 'quiet'; write one of:"),
        (idle("use: 3"), "f0.yaml:5:10: this is no block's name; write use: NAME, or a list"),
        (idle("use: [[loud]]"), "f0.yaml:5:11: this is no block's name"),
    ],
)
def test_a_block_that_does_not_exist_is_refused(text, problem):
    """Its limits would be no limits."""
    layers = (text, BLOCKS + "rules: []\n")
    assert any(one.startswith(problem) for one in refusal(*layers)), refusal(*layers)


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (
            "{name: x, with: {tries: 3}}",
            "1:20: unknown key 'with' in a block; write one of: ap",
        ),
        ("{name: x, gaurd: {}}", "1:20: unknown key 'gaurd' in a block; did you mean guard?"),
        ("{name: x, guard: {cooldwn: 1h}}", "1:28: unknown key 'cooldwn' in guard; did you"),
        ("{name: x, mode: atuo}", "1:26: unknown mode 'atuo'; did you mean auto?"),
        (
            "{name: x, approval: {when: tarket.id == ''}}",
            "1:37: approval.when: there is no va",
        ),
        ("{name: X}", "1:17: the name 'X' does not fit; write lower-case words"),
        ("{mode: auto}", "1:10: this block has no name"),
        ("{name: x}, {name: x}", "1:28: the block 'x' is already defined at f0.yaml:1:17"),
    ],
)
def test_a_wrong_block_is_refused_once_whoever_uses_it(block, problem):
    """At its own place, not at the rules'."""
    text = f"blocks: [{block}]\n" + GOOD
    for whole in (text, text + "    use: x\n"):
        found = [one for one in refusal(whole) if one.startswith(f"f0.yaml:{problem}")]
        assert 1 == len(found), refusal(whole)
