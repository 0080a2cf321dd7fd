"""Laws of rule files: any text is a rule book or a refusal, and a hash is the content's."""

import json
import random as shuffling
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.book import RuleBook, content_of
from shared.rules.conditions import (
    ConditionFailed,
    compile_condition,
    environment,
    evaluate,
)
from shared.rules.loading import load_rules
from shared.rules.problems import RulesRefused
from tests.unit.rules.small import (
    FACTS,
    GOOD,
    NOW,
    REMEDIATIONS,
    RESOURCE,
    SIGNAL,
    SMALL,
    Settings,
    Speed,
    load,
    rule,
)

RICH = rule(
    'when: target.tags.workload == "training" && [1].exists(x, x > 0)',
    "with: {wait: 1h, share: 0.25, tries: 3, pools: [a, b], speed: fast}",
    "mode: auto",
    "guard: {cooldown: 30m}",
    "notes: >-",
    "  in two",
    "  lines",
)
PIECES = st.sampled_from(
    [
        *("rules:", "- ", "  ", "\n", "name: ", "on: ", "when: ", "with: ", "guard: {", "}"),
        *("[", "]", "{", ": ", "&a ", "*a", "!!str ", "'", '"', "|\n", ">-\n", "#", "---\n"),
        *("vm.preempt", "small_thing", "target.tags.a", "signal.", "facts", "()", "1e999"),
        *("\t", "\x00", "\ud800", "é", "<<: ", "? ", "% ", "null", ".nan", "9" * 30, "~"),
    ]
)
NAMES = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
SPANS = st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms))
WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=12)
SETTINGS = st.builds(
    Settings,
    wait=SPANS,
    share=st.floats(0, 1),
    tries=st.integers(-5, 10**9),
    force=st.none() | st.booleans(),
    label=WORDS,
    pools=st.lists(WORDS, max_size=3).map(tuple),
    speed=st.sampled_from(Speed),
)
CONTENTS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "description": WORDS,
        "notes": WORDS,
        "on": st.sets(st.sampled_from(sorted(SMALL.answers)), min_size=1),
        "when": st.sampled_from(["true", "signal.x == 1", 'target.tags.a != "b"']),
        "settings": SETTINGS,
        "mode": st.sampled_from(Mode),
        "cooldown": SPANS,
    }
)


def outcome(*texts: str) -> RuleBook | RulesRefused:
    """Load, and give the refusal as a value; anything else that is raised fails."""
    try:
        return load(*texts)
    except RulesRefused as refused:
        return refused


def check(result: RuleBook | RulesRefused) -> None:
    """A refusal names at least one problem, each with a place inside the file."""
    if isinstance(result, RulesRefused):
        assert result.problems
        assert all(p.line >= 1 and p.column >= 1 and p.suggestion for p in result.problems)
        assert len(result.problems) == len(str(result).splitlines())


@given(st.text(max_size=200) | st.lists(PIECES, max_size=25).map("".join))
def test_any_text_is_a_rule_book_or_a_refusal(text):
    """An editor's half-saved file must not end the process."""
    check(outcome(text))


@given(st.integers(0, len(RICH)), st.integers(0, 12), PIECES | st.text(max_size=5))
def test_a_good_file_with_a_wound_is_a_rule_book_or_a_refusal(at, length, put):
    """Typing errors are near to good files, and so reach deeper than noise does."""
    check(outcome(RICH[:at] + put + RICH[at + length :]))
    check(outcome(RICH, RICH[:at] + put + RICH[at + length :]))


BASE = load(GOOD).rules[0]


def rule_of(content: dict[str, Any]) -> dict[str, object]:
    """Write generated content as a rule file would say it."""
    return content_of(
        replace(
            BASE,
            name=content["name"],
            description=content["description"],
            notes=content["notes"],
            on=frozenset(content["on"]),
            condition=compile_condition(content["when"]),
            settings=content["settings"],
            mode=content["mode"],
            cooldown=content["cooldown"],
        )
    )


def dump(content: dict[str, object]) -> str:
    """Write one rule as a file: JSON is YAML 1.2."""
    return json.dumps({"rules": [content]})


def load_one(text: str):
    """Load a file of one rule."""
    return load_rules([{"f.yaml": text}], REMEDIATIONS).rules[0]


@given(CONTENTS)
def test_a_rule_that_is_written_out_loads_with_the_same_hash(content):
    """The hash in a plan's record finds the rule again, from any equal file."""
    first = load_one(dump(rule_of(content)))
    again = load_one(dump(content_of(first)))
    assert content["settings"] == first.settings
    assert (first.hash, first.settings, first.on) == (again.hash, again.settings, again.on)
    assert len(first.hash) == 16


@given(CONTENTS, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_hash(content, random: shuffling.Random):
    """Moving a line is no change of what a rule does."""
    written = rule_of(content)
    keys = list(written)
    random.shuffle(keys)
    moved = {key: written[key] for key in keys}
    moved["on"] = sorted(content["on"], reverse=True)
    assert load_one(dump(written)).hash == load_one(dump(moved)).hash


@given(CONTENTS, CONTENTS, st.data())
def test_another_value_anywhere_is_another_hash(one, two, data):
    """Two rules that differ are never taken for one."""
    key = data.draw(st.sampled_from(sorted(one)))
    changed = {**one, key: two[key]}
    before, after = load_one(dump(rule_of(one))), load_one(dump(rule_of(changed)))
    assert (rule_of(one) == rule_of(changed)) is (before.hash == after.hash)


@given(st.text(max_size=40) | st.lists(PIECES, max_size=8).map("".join))
def test_any_condition_is_compiled_or_refused(text):
    """The compiler may be given anything; nothing but its refusal may come out."""
    try:
        condition = compile_condition(text)
    except ValueError:
        return
    try:
        assert evaluate(condition, environment(SIGNAL, RESOURCE, FACTS, NOW)) in {True, False}
    except ConditionFailed:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_whatever_a_signal_carries_can_be_seen(attributes):
    """A condition that does not look at a strange attribute is not disturbed by it."""
    signal = replace(SIGNAL, type=SignalType.VM_PREEMPT, attributes=attributes)
    seen = environment(signal, RESOURCE, FACTS, NOW)
    assert evaluate(compile_condition("signal.involuntary && target.name == 'dev-1'"), seen)
