"""Conditions: one environment, true or false, and an error is never "no match"."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.facts import AksNode, FactsKind, NodeFacts
from shared.core.signals import SignalType
from shared.rules.checking import FUNCTIONS, check
from shared.rules.conditions import (
    ConditionFailed,
    compile_condition,
    environment,
    environment_for,
    evaluate,
    judge,
)
from tests.unit.rules.small import FACTS, NOW, RESOURCE, SIGNAL

DESIGN = 'target.tags.workload == "training"'


def see(text, *, tags=None, signal=SIGNAL, facts=FACTS):
    """Evaluate a condition on the small world with these tags."""
    resource = replace(RESOURCE, tags=tags or {})
    return evaluate(compile_condition(text), environment(signal, resource, facts, NOW))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"workload": "training"}, True),
        ({"Workload": "training"}, True),
        ({"workload": "serving"}, False),
        ({"other": "training"}, False),
        ({}, False),
    ],
)
def test_the_rule_of_the_design_matches_where_the_tag_says_so(tags, expected):
    """No tag: not matched, and neither held for ever nor failed."""
    assert expected is see(DESIGN, tags=tags)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('target.tags.env != "prod"', False),
        ('!(target.tags.env == "prod")', False),
        ('target.tags["env"] != "prod"', False),
        ("int(target.tags.hours) > 3", False),
        ('target.tags.env == "" && target.tags.other == ""', False),
        ('has(target.tags.env) && target.tags.env == "prod"', False),
        ('!has(target.tags.env) || target.tags.env != "prod"', True),
        ('!("env" in target.tags)', True),
        ('target.tags.env == "prod" || signal.involuntary', True),
        ('target.tags.env == "prod" || !signal.involuntary', False),
    ],
)
def test_a_missing_tag_never_makes_a_condition_true(text, expected):
    """Decision 0006: only what the condition says without the tag can match."""
    assert expected is see(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("has(target.tags.env)", True),
        ('"env" in target.tags', True),
        ('target.tags["env"] == "dev"', True),
        ("target.tags.env.startsWith('d')", True),
        ("size(target.tags) == 1", True),
    ],
)
def test_a_tag_is_found_whatever_the_case_of_its_name(text, expected):
    """Azure compares tag names without case and keeps the case they were written in."""
    assert expected is see(text, tags={"ENV": "dev"})


def test_a_verdict_names_the_missing_tag():
    """The record of the no must explain it."""
    verdict = judge(compile_condition(DESIGN), environment(SIGNAL, RESOURCE, FACTS, NOW))
    assert (False, "the target has no tag 'workload'") == (verdict.is_match, verdict.detail)


@pytest.mark.parametrize(
    "text",
    [
        "signal.workload == 'training'",
        "signal.workload == 'x' && target.tags.workload == ''",
        "target.tags.workload == 'x' || signal.workload == 'x'",
        "facts.utilisation.gpu > 0.5",
        "signal.deadline - now > duration('5m')",
        "signal.attributes['x'].y",
        "now",
        "target.name",
        "1 / (size(target.name) - 5) == 1",
    ],
)
def test_an_error_is_a_failure_and_never_no_match(text):
    """A misspelt attribute must be seen; a false would hide it for ever."""
    with pytest.raises(ConditionFailed) as failed:
        see(text)
    assert text in str(failed.value)


def test_a_target_that_was_not_read_fails_the_conditions_on_it():
    """Nobody observed its tags, so nobody may say that one is missing."""
    seen = environment(SIGNAL, None, None, NOW)
    for text in (DESIGN, "target.location == 'westeurope'", "facts.power == 'running'"):
        with pytest.raises(ConditionFailed):
            evaluate(compile_condition(text), seen)
    assert evaluate(compile_condition("target.id == signal.target"), seen)


@pytest.mark.parametrize(
    "text",
    [
        "signal.type == 'vm.preempt' && signal.phase == 'fired' && signal.involuntary",
        "signal.event_id == 'e-1' && signal.source == 'scheduled_events'",
        "signal.observed_at == now && signal.deadline == null",
        "79 in signal.xids && signal.deep.list[0].a == 'b'",
        "signal.attributes.type == 'shadowed' && signal.huge > 1e30 && signal.huger > 1.0",
        "target.name == 'dev-1' && target.location == 'westeurope' && target.size == ''",
        "facts.power == 'running' && facts.has_gpu == null && facts.utilisation.cpu > 0.5",
        "facts.utilisation.window == duration('1h') && !has(facts.resource)",
    ],
)
def test_the_environment_shows_signal_target_facts_and_now(text):
    """Moments and durations are CEL's own, enumerations their text, nothing is invented."""
    signal = replace(
        SIGNAL,
        attributes={
            "xids": [79],
            "deep": {"list": [{"a": "b"}]},
            "type": "shadowed",
            "huge": 10**40,
            "huger": 10**400,
        },
    )
    assert see(text, signal=signal)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("target.pool.size > 64", 65, True),
        ("target.pool.size > 64", 64, False),
        ("target.pool.id == '/pool'", None, True),
        ("target.pool.size != null && target.pool.size > 64", None, False),
    ],
)
def test_a_pool_has_an_id_and_a_size(text, size, expected):
    """The design asks before it acts in a large one."""
    resource = replace(RESOURCE, pool="/pool", pool_size=size)
    facts = replace(FACTS, resource=resource)
    condition = compile_condition(text)
    assert expected is evaluate(condition, environment_for(condition, SIGNAL, facts, NOW))


def test_a_pool_of_unknown_size_is_neither_large_nor_small():
    """Nobody may act on not knowing; the condition that minds says so."""
    condition = compile_condition("target.pool.size > 64")
    with pytest.raises(ConditionFailed):
        evaluate(condition, environment_for(condition, SIGNAL, FACTS, NOW))


def test_nested_facts_and_lists_are_readable():
    """A node's taints are a tuple of a dataclass inside the facts."""
    node = AksNode("n", "c", "p", is_unschedulable=True, is_ready=False, taints=("gpu",))
    facts = NodeFacts(RESOURCE, node)
    assert see("facts.node.is_unschedulable && 'gpu' in facts.node.taints", facts=facts)


def test_a_condition_says_what_it_needs():
    """Facts cost calls to Azure; a condition that reads none can be asked first."""
    assert frozenset() == compile_condition("true").needs
    assert (
        frozenset({"signal", "target"})
        == compile_condition(
            "signal.x == 1 && target.tags.a == 'b' && [1].all(i, i > 0)"
        ).needs
    )


def problems_of(text):
    """Check a condition on machine facts."""
    found = []
    report = lambda at, message, suggestion: found.append((at, message, suggestion))  # noqa: E731
    check(compile_condition(text), FactsKind.MACHINE, report)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "true",
        'signal.anything.at.all == "x" // target.nam',
        "target.tags.anything == 'facts.nod'",
        'target.name == "\\"target.nam" || target.name == r"\\d"',
        "[{'a': 1}].exists(target, target.nam == 1)",
        "signal.xids.exists(x, x in [1, 2] && signal.ys.all(y, y > x))",
        "facts.utilisation.window > duration('10m') && facts.started_at < now",
        "size(target.tags) > 2 && target.tags.size() > 2",
        "type(target.name) == type('a')",
        "signal.list.map(x, x > 1, x * 2).size() > 0",
    ],
)
def test_a_condition_on_what_exists_is_not_refused(text):
    """Strings, comments and bound names are no references; signals are free."""
    assert problems_of(text) == []


CALLS = {
    "all": "[1].all(x, x == 1)",
    "bytes": "bytes('a') == b'a'",
    "contains": "'ab'.contains('b')",
    "double": "double(1) == 1.0",
    "duration": "duration('1s') < duration('2s')",
    "dyn": "dyn(1) == 1",
    "endsWith": "'ab'.endsWith('b')",
    "exists": "[1].exists(x, x == 1)",
    "existsOne": "[1].existsOne(x, x == 1)",
    "exists_one": "[1].exists_one(x, x == 1)",
    "filter": "[1, 2].filter(x, x > 1) == [2]",
    "has": "has(target.name)",
    "int": "int('1') == 1",
    "map": "[1].map(x, x + 1) == [2]",
    "matches": "'ab'.matches('^a')",
    "size": "size('ab') == 2",
    "startsWith": "'ab'.startsWith('a')",
    "string": "string(1) == '1'",
    "timestamp": "timestamp('2024-01-01T00:00:00Z') < now",
    "type": "type('a') == type('b') && type('a') != type(1)",
    "uint": "uint(1) == 1u",
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_that_a_condition_may_call_exists(name):
    """The list is ours, the functions are the package's: they must agree."""
    assert see(CALLS.get(name, f"now.{name}() >= 0"))


FRESH = """
import sys
from shared.rules.cel_extension import cel
assert cel().compile("1 + 1").execute({}) == 2
heavy = {"typer", "prompt_toolkit", "cel"} & set(sys.modules)
import cel as package
assert package.compile is cel().compile
assert package.evaluate("2 > 1")
print(sorted(heavy))
"""


def test_the_package_of_cel_is_not_executed():
    """Its command line costs ten times what the compiled module does, at every cold start.

    And whoever imports the package after all gets the same module: the extension panics
    when it is executed twice in a process.
    """
    result = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_a_signal_is_seen_as_it_is():
    """The environment is built afresh for each signal."""
    later = replace(SIGNAL, type=SignalType.COMPUTE_IDLE, deadline=NOW + timedelta(minutes=9))
    assert see("!signal.involuntary && signal.deadline - now > duration('5m')", signal=later)
