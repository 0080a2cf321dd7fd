"""What a rule demands: every key is read, bounded, and refused where it cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

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
from shared.rules.book import DEFAULT_LIMITS
from shared.rules.documents import plain, read
from shared.rules.problems import Problems
from shared.rules.schema import rules_schema
from tests.unit.rules.small import GOOD, REMEDIATIONS, idle, load, refusal, rule

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STORM = Breaker(LimitScope.POOL, 10 * MINUTE, 5, 30.0, 5, 10 * MINUTE, 15 * MINUTE)


def fits(text: str) -> bool:
    """Tell whether an editor would show no error."""
    node = read("f", text, Problems())
    assert node is not None
    schema = jsonschema.Draft7Validator(rules_schema(REMEDIATIONS))
    return not list(schema.iter_errors(plain(node)))


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("priority: -1000", "priority", -1000),
        ("match: all", "match", Match.ALL),
        ("strikes: {count: 3, within: 1h}", "strikes", Strikes(3, HOUR)),
        ("strikes: {count: 1, within: 7d}", "strikes", Strikes(1, 7 * DAY)),
        ("strikes: null", "strikes", None),
        ("guard: {limits: []}", "limits", ()),
        (
            "guard: {limits: [{scope: pool, percent: 10, min: 1, max: 5}]}",
            "limits",
            (Limit(LimitScope.POOL, percent=10.0, at_least=1, at_most=5),),
        ),
        (
            "guard: {limits: [{scope: zone, count: 0}, {scope: rule, count: 2, within: 7d}]}",
            "limits",
            (Limit(LimitScope.ZONE, 0), Limit(LimitScope.RULE, 2, within=7 * DAY)),
        ),
        ("guard: {canary: {soak: 10m}}", "canary", Canary(1, 10 * MINUTE, DAY)),
        (
            "guard: {canary: {first: 10, soak: 1h, every: 2h}}",
            "canary",
            Canary(10, HOUR, 2 * HOUR),
        ),
        ("guard: {breaker: {}}", "breaker", STORM),
        (
            "guard: {breaker: {scope: zone, count: 7, within: 1h, young: 0s}}",
            "breaker",
            Breaker(LimitScope.ZONE, HOUR, 7, None, 5, 10 * MINUTE, timedelta(0)),
        ),
        (
            "guard: {breaker: {count: null, percent: 0.5, small_pool: 0, wait: 1m}}",
            "breaker",
            Breaker(LimitScope.POOL, 10 * MINUTE, None, 0.5, 0, MINUTE, 15 * MINUTE),
        ),
        ("guard: {breaker: null}", "breaker", None),
        ("guard: {budget: {retries: 3}}", "budget", Budget(3, 7 * DAY)),
        (
            "guard: {budget: {within: 2d, money: {limit: 500, each: 12.5}}}",
            "budget",
            Budget(None, 2 * DAY, Money(500.0, 12.5, 30 * DAY)),
        ),
        ("approval: none", "approval", None),
        (
            "approval: four_eyes",
            "approval",
            ApprovalTerms(ApprovalKind.FOUR_EYES, 2 * HOUR),
        ),
        (
            "approval: {expires: 7d, if_expired: cordon}",
            "approval",
            ApprovalTerms(ApprovalKind.REQUIRED, 7 * DAY, Verb.CORDON),
        ),
        (
            "approval: {kind: required, expires: 1m, if_expired: nothing}",
            "approval",
            ApprovalTerms(ApprovalKind.REQUIRED, MINUTE),
        ),
        ("notify: slack", "notify", (Channel.SLACK,)),
        ("notify: [webhook, teams]", "notify", (Channel.WEBHOOK, Channel.TEAMS)),
    ],
)
def test_what_a_rule_demands_reaches_the_engine(line, field, expected):
    """And an editor finds nothing wrong with it."""
    (loaded,) = load(idle(line)).rules
    assert expected == getattr(loaded, field)
    assert fits(idle(line))


def test_a_rule_that_demands_nothing_is_still_limited():
    """A wrong rule must not reach a whole fleet in an hour."""
    (loaded,) = load(GOOD).rules
    assert (DEFAULT_LIMITS, 0, Match.FIRST, ()) == (
        loaded.limits,
        loaded.priority,
        loaded.match,
        loaded.notify,
    )
    demands = (loaded.strikes, loaded.canary, loaded.breaker, loaded.budget, loaded.approval)
    assert (None,) * 5 == demands


def test_the_condition_of_an_approval_is_compiled():
    """The design's own example: only large pools are asked about."""
    line = "approval: {when: target.pool.size > 64, expires: 2h}"
    (loaded,) = load(idle(line)).rules
    assert loaded.approval_when is not None
    assert "target.pool.size > 64" == loaded.approval_when.text
    assert ApprovalTerms(ApprovalKind.REQUIRED, 2 * HOUR) == loaded.approval


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("priority: 1001", "priority: 1001 does not fit; write a whole number from -1000"),
        ("priority: high", "priority: 'high' does not fit; write a whole number"),
        ("priority: true", "priority: true does not fit; write a whole number"),
        ("match: frist", "match: 'frist' is not known; did you mean first?"),
        ("match: 1", "match: 1 is not known; write first, all"),
        ("strikes: 3", "strikes does not fit: it is 3; write for example strikes: {count"),
        ("strikes: {count: 3}", "strikes.within is missing; write within: and its value"),
        ("strikes: {count: 0, within: 1h}", "strikes.count: 0 does not fit; write a whole"),
        ("strikes: {count: 3, within: 8d}", "strikes.within: '8d' does not fit; write 1s to"),
        ("strikes: {cuont: 3, within: 1d}", "unknown key 'cuont' in strikes; did you mean co"),
        ("guard: {limits: 3}", "guard.limits does not fit: it is 3; write a list: - {scope"),
        ("guard: {limits: [3]}", "guard.limits.0 does not fit: it is 3; write a list"),
        ("guard: {limits: [{count: 3}]}", "guard.limits.0.scope is missing; write scope"),
        ("guard: {limits: [{scope: pool}]}", "limits nothing; write count, percent or both"),
        (
            "guard: {limits: [{scope: zones, count: 1}]}",
            "'zones' is not known; did you mean zone",
        ),
        ("guard: {limits: [{scope: rule, count: -1}]}", "-1 does not fit; write a whole nu"),
        ("guard: {limits: [{scope: rule, count: 1001}]}", "from 0 to 1000"),
        ("guard: {limits: [{scope: zone, percent: 5}]}", "percent needs a pool, and zone is"),
        ("guard: {limits: [{scope: pool, percent: 101}]}", "write a number from 0 to 100"),
        ("guard: {limits: [{scope: pool, percent: .nan}]}", "write a number from 0 to 100"),
        ("guard: {limits: [{scope: pool, count: 5, min: 1}]}", "min and max bound a percent"),
        (
            "guard: {limits: [{scope: pool, percent: 5, min: 3, max: 2}]}",
            "min 3 is more than max 2; write the lesser in min",
        ),
        ("guard: {limits: [{scope: rule, count: 1, within: 31d}]}", "write 1s to 30d"),
        ("guard: {limits: [{scope: rule, count: 1, within: 0s}]}", "write 1s to 30d"),
        ("guard: {limits: [{scope: rule, cout: 1}]}", "unknown key 'cout' in a limit; did yo"),
        ("guard: {canary: {first: 1}}", "guard.canary.soak is missing"),
        ("guard: {canary: {first: 11, soak: 1h}}", "write a whole number from 1 to 10"),
        ("guard: {canary: {soak: 30s}}", "write 1m to 7d"),
        ("guard: {canary: {soak: 2d}}", "every is not longer than soak; write for example"),
        ("guard: {breaker: {scope: target}}", "is a cooldown; write scope pool, or guard.co"),
        ("guard: {breaker: {scope: zone, percent: 5}}", "and zone is none; leave percent out"),
        ("guard: {breaker: {count: null, percent: null}}", "never trip; write count, percent"),
        ("guard: {breaker: {percent: 0}}", "write a number above 0 to 100"),
        ("guard: {budget: {}}", "the budget limits nothing; write retries, money or both"),
        ("guard: {budget: {money: {limit: 5}}}", "guard.budget.money.each is missing"),
        ("guard: {budget: {money: {limit: 5, each: 9}}}", "write a limit of at least 9, or 0"),
        ("guard: {budget: {money: 5}}", "write for example money: {limit: 500, each: 12.5}"),
        ("guard: {budgte: {retries: 5}}", "unknown key 'budgte' in guard; did you mean budg"),
        ("approval: maybe", "approval.kind: 'maybe' is not known; write none, required, fou"),
        ("approval: [required]", "approval does not fit"),
        ("approval: {expires: 8d}", "approval.expires: '8d' does not fit; write 1m to 7d"),
        ("approval: {kind: none, expires: 2h}", "nobody is asked; write kind required, or"),
        ("approval: {if_expired: drain}", "drain is not done without a yes; write one of no"),
        ("approval: {if_expired: cordn}", "'cordn' is not known; did you mean cordon?"),
        ("approval: {if_expired: snapshot}", "small_thing has no snapshot step; write"),
        ("approval: {when: target.nam == 'a'}", "approval.when: target has no member 'nam'"),
        ("approval: {when: target.pool == 'a'}", "write target.pool.id or target.pool.size"),
        ("approval: {when: 'true and false'}", "approval.when: the condition does not comp"),
        ("notify: email", "notify: 'email' is not known; write teams, slack, webhook"),
        ("notify: [teams, teams]", "notify: one is named twice; write each once"),
        ("rung: 3", "unknown key 'rung' in a rule"),
    ],
)
def test_a_demand_that_cannot_be_meant_is_refused_where_it_stands(line, problem):
    """With what to write instead; an unheeded limit is no limit."""
    found = refusal(idle(line))
    assert any(problem in one and one.startswith("f0.yaml:5:") for one in found), found


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        ("approval: required", 5, "approval"),
        ("approval: {when: signal.x == 1}", 5, "approval"),
        ("strikes: {count: 2, within: 1h}", 5, "strikes"),
        ("guard: {cooldown: 1m, canary: {soak: 1h}}", 27, "canary"),
    ],
)
def test_what_would_make_an_eviction_wait_is_refused(line, column, what):
    """Thirty seconds are too short for a person, a second strike or a soak."""
    mixed = rule(line).replace("on: vm.preempt", "on: [compute.idle, vm.preempt]")
    for text in (rule(line), mixed):
        assert [
            (
                f"f0.yaml:5:{column}: {what} would hold back the answer to vm.preempt, which"
                f" does not wait; leave {what} out, or give those signals a rule of their own"
            )
        ] == refusal(text)


@pytest.mark.parametrize(
    "line",
    [
        "guard: {cooldown: 1m, limits: [{scope: rule, count: 1}], breaker: {}}",
        "guard: {budget: {retries: 1}}",
        "strikes: {count: 1, within: 1h}",
        "approval: none",
    ],
)
def test_what_never_holds_an_eviction_back_may_be_written(line):
    """Blocks and mixed rules say it for the voluntary ones; the engine passes over it."""
    assert load(rule(line)).rules


def test_rules_are_asked_by_priority_and_else_as_they_stand():
    """A later file may put a rule before the others without touching them."""
    texts = [
        GOOD.replace("small-rule", name) + f"    priority: {priority}\n"
        for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5))
    ]
    assert ["b", "e", "a", "c", "d"] == [one.name for one in load(*texts).rules]


TEST = "{event: fixtures/x.json, expect: hold, reason: no_data, at: '2030-01-01T03:00:00Z'}"


def test_a_rule_brings_tests_along():
    """Each with the line it stands on, because its paths are relative to that file."""
    inline = "{name: n, event: {a: [1]}, facts: {b: {}}, expect: act, steps: [cordon]}"
    (loaded,) = load(rule("tests:", f"  - {TEST}", f"  - {inline}")).rules
    one, two = loaded.tests
    assert ("fixtures/x.json", "hold", "no_data", "f0.yaml:6") == (
        one.event,
        one.expect,
        one.reason,
        one.source,
    )
    assert datetime(2030, 1, 1, 3, tzinfo=UTC) == one.at
    assert ({"a": [1]}, {"b": {}}, "act", ("cordon",), "n", "f0.yaml:7") == (
        two.event,
        two.facts,
        two.expect,
        two.steps,
        two.name,
        two.source,
    )
    assert fits(rule(f"tests: [{TEST}]", "mode: auto"))


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("{expect: act}", "tests.0.event is missing"),
        ("{event: x, expect: acts}", "tests.0.expect: 'acts' is not known; did you mean act?"),
        ("{event: 3, expect: act}", "tests.0.event: 3 does not fit; write the path of a file"),
        ("{event: '', expect: act}", "write the path of a file, or its content"),
        ("{event: x, expect: act, reason: busy}", "act has no reason; expect hold or skip"),
        ("{event: x, expect: skip, reason: bsy}", "'bsy' is not known; did you mean busy?"),
        ("{event: x, expect: skip, steps: [cordon]}", "skip has no steps; expect act, or"),
        ("{event: x, expect: act, steps: cordon}", "'cordon' is no list; write [cordon, dr"),
        ("{event: x, expect: act, steps: [dran]}", "small_thing has no step 'dran'; write co"),
        ("{event: x, expect: act, at: soon}", "'soon' is not a moment"),
        ("{event: x, expect: act, wen: 3}", "unknown key 'wen' in a test"),
        ("3", "tests.0 does not fit: it is 3"),
    ],
)
def test_a_test_that_says_nothing_is_refused(test, problem):
    """A test that is never run would be taken for one that passes."""
    found = refusal(rule(f"tests: [{test}]"))
    assert any(problem in one for one in found), found
