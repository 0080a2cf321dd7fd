"""A rule written out again, every default spelled out: what its hash is made of.

What is written loads as the same rule, freezes apart: they are written in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta

from shared.core.durations import format_duration
from shared.core.moments import write_moment
from shared.core.switched_off import without_what_is_off
from shared.core.terms import Breaker, Budget, Canary, Limit, Strikes
from shared.rules.book import Rule, RuleTest, Rung
from shared.rules.values import settings_as_yaml

Content = dict[str, object]


def content_of(rule: Rule) -> Content:
    """Write a rule as a rule file says it, every default spelled out, keys in one order."""
    return {
        "name": rule.name,
        "description": rule.description,
        "notes": rule.notes,
        "priority": rule.priority,
        "match": str(rule.match),
        "on": sorted(str(signal) for signal in rule.on),
        "when": rule.condition.text,
        **_remediate(rule),
        **_terms(rule),
        "overrides": [
            {"scope": str(scope), **_own_settings(version), **_terms(version)}
            for scope, version in rule.overrides
        ],
        "tests": [_test(test) for test in rule.tests],
    }


def hash_of(content: Mapping[str, object]) -> str:
    """Name a rule's content: the same for every order of keys, every file, every release.

    What is off is left out: a setting that is new in a release, and off unless a rule asks
    for it, changes no name, so that canaries go on and no question is asked anew.
    """
    on = without_what_is_off(content)
    text = json.dumps(on, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _remediate(rule: Rule) -> Content:
    if not (rule.ladder or rule.verify or rule.timeout):
        return {"remediate": rule.remediation.name, **_own_settings(rule)}
    return {"remediate": [_rung(rung) for rung in rule.rungs]}


def _own_settings(rule: Rule) -> Content:
    return {"with": settings_as_yaml(rule.settings)}


def _rung(rung: Rung) -> Content:
    said: Content = {"with": settings_as_yaml(rung.settings)}
    if rung.verify:
        said["verify"] = [condition.text for condition in rung.verify]
    if rung.timeout is not None:
        said["timeout"] = format_duration(rung.timeout)
    return {rung.remediation.name: said}


def _terms(rule: Rule) -> Content:
    """Write what an override may change, too."""
    return {
        "mode": str(rule.mode),
        "strikes": None if rule.strikes is None else _strikes(rule.strikes),
        "guard": {
            "cooldown": format_duration(rule.cooldown),
            "max_age": _span(rule.max_age),
            "freeze": [f"{one.name}: {one.text}" for one in rule.freezes],
            "limits": [_limit(limit) for limit in rule.limits],
            "canary": None if rule.canary is None else _canary(rule.canary),
            "breaker": None if rule.breaker is None else _breaker(rule.breaker),
            "budget": None if rule.budget is None else _budget(rule.budget),
        },
        "approval": _approval(rule),
        "notify": [str(channel) for channel in rule.notify],
    }


def _span(span: timedelta | None) -> str | None:
    return None if span is None else format_duration(span)


def _given(**parts: object) -> Content:
    """Leave out what is not limited."""
    return {key: value for key, value in parts.items() if value is not None}


def _strikes(strikes: Strikes) -> Content:
    return {"count": strikes.count, "within": format_duration(strikes.within)}


def _limit(limit: Limit) -> Content:
    return _given(
        scope=str(limit.scope),
        count=limit.count,
        percent=limit.percent,
        min=limit.at_least,
        max=limit.at_most,
        within=_span(limit.within),
    )


def _canary(canary: Canary) -> Content:
    return {
        "first": canary.first,
        "soak": format_duration(canary.soak),
        "every": format_duration(canary.every),
    }


def _breaker(breaker: Breaker) -> Content:
    return {
        "scope": str(breaker.scope),
        "count": breaker.count,
        "percent": breaker.percent,
        "within": format_duration(breaker.within),
        "small_pool": breaker.small_pool,
        "wait": format_duration(breaker.wait),
        "young": format_duration(breaker.young),
    }


def _budget(budget: Budget) -> Content:
    money = budget.money
    return _given(
        retries=budget.retries,
        within=format_duration(budget.within),
        money=None
        if money is None
        else {
            "limit": money.limit,
            "each": money.each,
            "within": format_duration(money.within),
        },
    )


def _approval(rule: Rule) -> object:
    terms, when = rule.approval, rule.approval_when
    if terms is None:
        return "none"
    return _given(
        kind=str(terms.kind),
        when=None if when is None else when.text,
        expires=format_duration(terms.expires),
        if_expired=str(terms.if_expired or "nothing"),
    )


def _test(test: RuleTest) -> Content:
    return _given(
        name=test.name,
        event=test.event,
        facts=test.facts,
        expect=test.expect,
        reason=test.reason,
        steps=None if test.steps is None else list(test.steps),
        at=None if test.at is None else write_moment(test.at),
    )
