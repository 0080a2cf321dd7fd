"""Laws of rule files: any text is a rule book or a refusal, and a hash is the content's."""

import json
import random as shuffling
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.pauses import Scope
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.core.steps import Verb
from shared.core.terms import (
    ApprovalKind,
    ApprovalTerms,
    Breaker,
    Budget,
    Canary,
    Channel,
    Limit,
    LimitScope,
    Match,
    Money,
    Strikes,
)
from shared.rules.book import RuleBook, RuleTest, Rung
from shared.rules.conditions import (
    ConditionFailed,
    compile_condition,
    environment,
    evaluate,
)
from shared.rules.content import content_of
from shared.rules.loading import load_rules
from shared.rules.problems import RulesRefused
from tests.unit.rules.small import (
    FACTS,
    NOW,
    REMEDIATIONS,
    RESOURCE,
    SIGNAL,
    SMALL,
    Settings,
    Speed,
    idle,
    load,
)

RICH = (
    """blocks:
  - name: careful
    guard: {cooldown: 1h, budget: {retries: 3, money: {limit: 500, each: 12.5}}}
    notify: teams
"""
    + idle(
        'when: target.tags.workload == "training" && [1].exists(x, x > 0)',
        "with: {wait: 1h, share: 0.25, tries: 3, pools: [a, b], speed: fast}",
        "mode: auto",
        "use: [careful]",
        "priority: 10",
        "match: all",
        "strikes: {count: 3, within: 1h}",
        "guard:",
        "  cooldown: 30m",
        "  limits: [{scope: pool, percent: 10, min: 1, max: 5}, {scope: rule, count: 2}]",
        "  canary: {first: 1, soak: 10m}",
        "  breaker: {scope: pool, count: 5, within: 10m}",
        "approval: {when: target.pool.size > 64, expires: 2h, if_expired: cordon}",
        "notify: [teams, slack]",
        "overrides:",
        "  - {scope: 'tag:a=b', mode: observe, with: {tries: 4}, guard: {canary: null}}",
        "tests:",
        "  - {event: x.json, facts: {a: b}, expect: hold, reason: busy, name: n}",
        "notes: >-",
        "  in two",
        "  lines",
    )
    + """  - name: ladder
    on: compute.idle
    remediate:
      - small_thing: {tries: 3, verify: [has_gpu, facts.power == 'running'], timeout: 5m}
      - timed_thing: {with: {timeout: 2m}, timeout: 9m}
      - node_thing
"""
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
HOURS = st.integers(1, 24).map(lambda hours: timedelta(hours=hours))
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
CONDITIONS = st.sampled_from(["true", "now == now", 'target.tags.a != "b"'])
COMPILED = CONDITIONS.map(compile_condition)
COUNTS = st.integers(0, 1000)
LIMITS = st.builds(
    Limit,
    scope=st.sampled_from([LimitScope.POOL, LimitScope.SCALE_SET]),
    count=COUNTS,
    percent=st.floats(0, 100),
    at_least=st.none() | st.integers(0, 5),
    at_most=st.none() | st.integers(5, 9),
    within=st.none() | HOURS,
)
CANARIES = st.builds(Canary, st.integers(1, 10), HOURS, st.just(timedelta(days=2)))
BREAKERS = st.builds(
    Breaker,
    scope=st.just(LimitScope.POOL),
    within=HOURS,
    count=st.integers(1, 1000),
    percent=st.none() | st.floats(0, 100, exclude_min=True),
    small_pool=COUNTS,
    wait=HOURS,
    young=HOURS,
)
MONEY = st.builds(Money, st.floats(50, 100), st.floats(1, 50), HOURS)
BUDGETS = st.builds(Budget, st.integers(0, 100), HOURS, st.none() | MONEY)
APPROVALS = st.builds(
    ApprovalTerms,
    st.sampled_from([ApprovalKind.REQUIRED, ApprovalKind.FOUR_EYES]),
    HOURS,
    st.none() | st.just(Verb.CORDON),
)
TESTS = st.builds(
    RuleTest,
    event=st.just("x.json") | st.dictionaries(WORDS, WORDS, max_size=2),
    expect=st.sampled_from(["hold", "skip"]),
    source=st.just(""),
    facts=st.none() | st.just({"a": 1}),
    reason=st.none() | st.just("busy"),
    at=st.none() | MOMENTS,
    name=WORDS,
)
RUNGS = st.builds(
    Rung,
    remediation=st.just(SMALL),
    settings=SETTINGS,
    verify=st.lists(COMPILED, max_size=2).map(tuple),
    timeout=st.none() | HOURS,
)
SCOPES = st.sampled_from(["tag:a=b", f"resource:{RESOURCE.id}"]).map(Scope.parse)
DEMANDS: dict[str, st.SearchStrategy[Any]] = {
    "priority": st.integers(-1000, 1000),
    "match": st.sampled_from(Match),
    "strikes": st.none() | st.builds(Strikes, st.integers(1, 100), HOURS),
    "limits": st.lists(LIMITS, max_size=2).map(tuple),
    "canary": st.none() | CANARIES,
    "breaker": st.none() | BREAKERS,
    "budget": st.none() | BUDGETS,
    "approval": st.none() | APPROVALS,
    "approval_when": COMPILED,
    "notify": st.sets(st.sampled_from(Channel)).map(tuple),
    "verify": st.lists(COMPILED, max_size=2).map(tuple),
    "timeout": st.none() | HOURS,
    "ladder": st.lists(RUNGS, max_size=2).map(tuple),
    "scope": st.none() | SCOPES,
    "tests": st.lists(TESTS, max_size=2).map(tuple),
    "max_age": st.none() | HOURS,
}
CONTENTS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "description": WORDS,
        "notes": WORDS,
        "on": st.just([SignalType.COMPUTE_IDLE]),
        "when": st.sampled_from(["true", "signal.x == 1", 'target.tags.a != "b"']),
        "settings": SETTINGS,
        "mode": st.sampled_from(Mode),
        "cooldown": SPANS,
        **DEMANDS,
    }
)


def outcome(*texts: str) -> RuleBook | RulesRefused:
    """Load, and give the refusal as a value; anything else that is raised fails."""
    try:
        return load(*texts, several=True)
    except RulesRefused as refused:
        return refused


def check(result: RuleBook | RulesRefused) -> None:
    """A refusal names at least one problem, each with a place inside the file."""
    if isinstance(result, RulesRefused):
        assert result.problems
        assert all(p.line >= 1 and p.column >= 1 and p.suggestion for p in result.problems)
        assert len(result.problems) == len(str(result).splitlines())


def test_the_rich_file_is_right():
    """What is wounded below must be whole before."""
    assert 2 == len(load(RICH, several=True).rules)


@given(st.text(max_size=200) | st.lists(PIECES, max_size=25).map("".join))
def test_any_text_is_a_rule_book_or_a_refusal(text):
    """An editor's half-saved file must not end the process."""
    check(outcome(text))


@given(st.integers(0, len(RICH)), st.integers(0, 12), PIECES | st.text(max_size=5))
def test_a_good_file_with_a_wound_is_a_rule_book_or_a_refusal(at, length, put):
    """Typing errors are near to good files, and so reach deeper than noise does."""
    check(outcome(RICH[:at] + put + RICH[at + length :]))
    check(outcome(RICH, RICH[:at] + put + RICH[at + length :]))


BASE = load(idle()).rules[0]


def rule_of(content: dict[str, Any]) -> dict[str, object]:
    """Write generated content as a rule file would say it."""
    given = {key: value for key, value in content.items() if key not in {"when", "scope"}}
    given["on"] = frozenset(content["on"])
    if content["approval"] is None:
        given["approval_when"] = None
    rule = replace(BASE, condition=compile_condition(content["when"]), **given)
    if content["scope"] is not None:
        version = replace(rule, cooldown=timedelta(hours=7), tests=())
        rule = replace(rule, overrides=((content["scope"], version),))
    return content_of(rule)


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
