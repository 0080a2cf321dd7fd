"""Freezes and ages in rule files: what is read, and what is refused where."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import jsonschema
import pytest

from shared.core.freezes import Span, Weekly
from shared.rules.documents import plain, read
from shared.rules.problems import Problems
from shared.rules.schema import rules_schema
from tests.unit.rules.small import GOOD, REMEDIATIONS, load, refusal, rule

HOUR = timedelta(hours=1)
EVERY_DAY = frozenset(range(7))


def everywhere(text: str) -> str:
    """Write a file with one freeze for all rules."""
    return f"freezes:\n  - {text}\n{GOOD}"


def test_a_rule_carries_its_age_and_its_windows():
    """As it says them, with the line they stand on."""
    window = "{name: nights, from: 22:00, to: 06:00, zone: Europe/Berlin}"
    (loaded,) = load(rule(f"guard: {{max_age: 90m, freeze: [{window}]}}")).rules
    [freeze] = loaded.freezes
    assert (timedelta(minutes=90), "nights", "f0.yaml:5") == (
        loaded.max_age,
        freeze.name,
        freeze.source,
    )
    assert Weekly(EVERY_DAY, time(22), 8 * HOUR) == freeze.when
    assert "22:00 to 06:00 Europe/Berlin" == freeze.text


def test_a_rule_that_says_nothing_has_the_default():
    """None stands for the default of the signal's class, which the guardrail knows."""
    (loaded,) = load(GOOD).rules
    assert (None, ()) == (loaded.max_age, loaded.freezes)


@pytest.mark.parametrize(
    ("window", "when"),
    [
        ("from: 09:00, to: '17:00'", Weekly(EVERY_DAY, time(9), 8 * HOUR)),
        ("from: 9:00, to: 24:00", Weekly(EVERY_DAY, time(9), 15 * HOUR)),
        ("days: [mon, fri], from: 00:00, to: 24:00", Weekly({0, 4}, time(0), 24 * HOUR)),
        ("days: [sun], from: 18:00, to: 08:00", Weekly({6}, time(18), 14 * HOUR)),
        ("from: fri 18:00, to: mon 06:00", Weekly({4}, time(18), 60 * HOUR)),
        ("from: mon 06:00, to: fri 18:00", Weekly({0}, time(6), 108 * HOUR)),
        ("from: sat 00:00, to: sun 24:00", Weekly({5}, time(0), 48 * HOUR)),
        (
            "from: 2026-12-19, to: 2027-01-03",
            Span(datetime(2026, 12, 19), datetime(2027, 1, 4)),
        ),
        (
            "from: 2026-12-19 18:00, to: 2026-12-20T06:30",
            Span(datetime(2026, 12, 19, 18), datetime(2026, 12, 20, 6, 30)),
        ),
    ],
)
def test_each_form_means_what_it_says(window, when):
    """A date alone at the end is that whole day; a time that is not later is tomorrow's."""
    text = everywhere(f"{{name: x, zone: UTC, {window}}}")
    [freeze] = load(text).freezes
    expected = (
        Weekly(frozenset(when.days), when.starts, when.length)
        if isinstance(when, Weekly)
        else when
    )
    assert expected == freeze.when
    node = read("f", text, Problems())
    assert node is not None
    jsonschema.validate(plain(node), rules_schema(REMEDIATIONS))


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ("from: 22:00, to: 06:00", "zone is missing; write zone: and its value"),
        ("to: 06:00, zone: UTC", "from is missing"),
        ("from: 22:00, to: 06:00, zone: Berlin", "zone 'Berlin' is not known; write for"),
        ("from: 22:00, to: 06:00, zone: ../etc", "zone '../etc' is not known"),
        ("from: 22:00, to: 22:00, zone: UTC", "the same; write 00:00 to 24:00 for a"),
        ("from: fri 18:00, to: fri 18:00, zone: UTC", "the same; to touch nothing, set a"),
        ("from: 22:00, to: 2026-01-01, zone: UTC", "is no window; write in both two"),
        ("from: 24:00, to: 06:00, zone: UTC", "is no window"),
        ("from: 25:00, to: 06:00, zone: UTC", "is no window"),
        ("from: 10pm, to: 6am, zone: UTC", "is no window"),
        ("from: 2026-02-30, to: 2026-03-01, zone: UTC", "'2026-02-30' is no date"),
        ("from: 2026-03-02, to: 2026-03-01, zone: UTC", "is before from '2026-03-02'"),
        (
            "days: [mon], from: 2026-03-01, to: 2026-03-02, zone: UTC",
            "days does not go with dates; leave days out",
        ),
        ("days: [mon], from: fri 18:00, to: sat 18:00, zone: UTC", "leave days out"),
        ("days: [monday], from: 1:00, to: 2:00, zone: UTC", "day 'monday' is not known"),
        ("days: [], from: 1:00, to: 2:00, zone: UTC", "days does not fit"),
        ("form: 22:00, to: 06:00, zone: UTC", "unknown key 'form' in a freeze; did you"),
        ("from: 22, to: 6, zone: UTC", "from does not fit"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused_where_it_stands(window, problem):
    """In a rule and for all rules alike."""
    for text, line in (
        (everywhere(f"{{name: x, {window}}}"), "f0.yaml:2:"),
        (rule(f"guard: {{freeze: [{{name: x, {window}}}]}}"), "f0.yaml:5:"),
    ):
        found = [one for one in refusal(text) if problem in one]
        assert found, refusal(text)
        assert found[0].startswith(line)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("freezes: nights\n" + GOOD, "1:10: freezes is no list; write - name: and its keys"),
        ("freezes: [nights]\n" + GOOD, "1:11: a freeze is not a mapping"),
        ("freezes: [{zone: UTC}]\n" + GOOD, "1:11: this freeze has no name"),
        (rule("guard: {freeze: nights}"), "guard.freeze does not fit: it is 'nights'"),
        (rule("guard: {max_age: 3}"), "guard.max_age: 3 is not a duration"),
        (rule("guard: {maxage: 3h}"), "unknown key 'maxage' in guard; did you mean max_age?"),
    ],
)
def test_other_shapes_are_refused(text: str, problem: str):
    """Nothing is half read."""
    assert any(problem in one for one in refusal(text)), refusal(text)


def test_a_later_layers_freeze_replaces_one_of_its_name():
    """As rules merge; the same name twice in one layer is a mistake."""
    first = "freezes: [{name: x, from: 1:00, to: 2:00, zone: UTC}]\nrules: []\n"
    second = first.replace("2:00", "3:00")
    book = load(first, second)
    assert [Weekly(EVERY_DAY, time(1), 2 * HOUR)] == [one.when for one in book.freezes]
    twice = first.replace("}]", "}, {name: x, from: 1:00, to: 2:00, zone: UTC}]")
    assert ["f0.yaml:1:62: the freeze 'x' is already defined at f0.yaml:1:18; give it"] == [
        one[:72] for one in refusal(twice)
    ]


def test_a_freeze_changes_the_rules_hash_and_a_comment_does_not():
    """The plan's record must tell which rules were in force."""
    plain_rule, frozen = (
        load(GOOD).rules[0],
        rule("guard: {freeze: [{name: x, from: 1:00, to: 2:00, zone: UTC}]}"),
    )
    assert plain_rule.hash != load(frozen).rules[0].hash
    assert load(frozen).rules[0].hash == load(frozen + "# later\n").rules[0].hash
    aged = load(rule("guard: {max_age: 6h}")).rules[0]
    assert plain_rule.hash != aged.hash


def test_a_zone_keeps_its_rules():
    """Not an offset of today: the window moves with summer time."""
    [freeze] = load(everywhere("{name: x, from: 1:00, to: 2:00, zone: Europe/Berlin}")).freezes
    offsets = {
        datetime(2026, month, 1, tzinfo=UTC).astimezone(freeze.zone).utcoffset()
        for month in (1, 7)
    }
    assert {HOUR, 2 * HOUR} == offsets
