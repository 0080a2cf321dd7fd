"""Several folders of rules merge by name; the later says only what changes."""

from datetime import timedelta

import pytest

from shared.core.plans import Mode
from shared.rules.loading import load_rules
from shared.rules.problems import RulesRefused
from tests.unit.rules.small import GOOD, REMEDIATIONS, SMALL, load, refusal, rule


def test_a_later_layer_overrides_only_what_it_says():
    """The default rules stay untouched while a deployment lets one of them act."""
    base = rule("with: {tries: 7, wait: 3s}", "guard: {cooldown: 1h}", "notes: kept")
    (merged,) = load(base, "rules: [{name: small-rule, mode: auto, with: {wait: 9s}}]").rules
    assert (7, timedelta(seconds=9)) == (merged.settings.tries, merged.settings.wait)
    assert (Mode.AUTO, timedelta(hours=1), "kept") == (
        merged.mode,
        merged.cooldown,
        merged.notes,
    )
    assert merged.source == "f0.yaml:2"


def test_a_list_of_one_rung_merges_like_with():
    """Both forms of settings are one thing."""
    base = GOOD.replace("remediate: small_thing", "remediate: [small_thing: {tries: 5}]")
    (merged,) = load(base, "rules: [{name: small-rule, with: {wait: 9s}}]").rules
    assert (5, timedelta(seconds=9)) == (merged.settings.tries, merged.settings.wait)


def test_another_remediation_leaves_the_old_settings_behind():
    """Settings belong to a remediation and mean nothing to the next."""
    layers = [
        {"a": rule("with: {tries: 7}")},
        {"b": "rules: [{name: small-rule, remediate: other_thing}]"},
    ]
    other = {"other_thing": SMALL, **REMEDIATIONS}
    assert load_rules(layers, other).rules[0].settings.tries == 2


def test_a_problem_is_placed_in_the_file_that_causes_it():
    """The base is right; the layer over it is not."""
    assert refusal(GOOD, "rules:\n- name: small-rule\n  mode: atuo\n") == [
        "f1.yaml:3:9: unknown mode 'atuo'; did you mean auto?"
    ]


def test_a_partial_rule_that_changes_nothing_known_is_refused():
    """A misspelt name would otherwise leave the real rule as it was, in silence."""
    assert refusal(GOOD, "rules: [{name: smal-rule, mode: auto}]") == [
        (
            "f1.yaml:1:16: the rule 'smal-rule' has no on and no remediate, here or in"
            " earlier layers; did you mean small-rule?"
        )
    ]


def test_one_layer_defines_a_rule_once():
    """Within a folder there is no later and no earlier."""
    with pytest.raises(RulesRefused) as refused:
        load_rules([{"a.yaml": GOOD, "b.yaml": GOOD}], REMEDIATIONS)
    assert str(refused.value) == (
        "b.yaml:2:11: the rule 'small-rule' is already defined at a.yaml:2:11;"
        " give it another name, or keep one of them"
    )
