"""Each guardrail by table, their order, and which of them an eviction is spared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason, Skip
from shared.core.plans import Mode
from tests.builders import HOUR, NOW, SECOND, a_context, a_notice, a_tick

ACTED = {"acted": {"deallocate-idle": NOW - 10 * SECOND}, "cooldown": HOUR}
LATE = {"signal": a_tick(deadline=NOW - 90 * SECOND)}
CASES = [
    ("everything is well", {}, None),
    ("the rule is off", {"mode": Mode.OFF}, Skip(Reason.MODE_OFF)),
    ("the rule observes", {"mode": Mode.OBSERVE}, Skip(Reason.OBSERVE_ONLY)),
    ("the rule suggests", {"mode": Mode.SUGGEST}, Skip(Reason.SUGGEST_ONLY)),
    ("a dry run", {"is_dry_run": True}, Skip(Reason.DRY_RUN)),
    ("a person said off", {"is_opted_out": True}, Skip(Reason.OPTED_OUT)),
    ("too late", LATE, Skip(Reason.DEADLINE_PASSED, "the deadline was 1m30s ago")),
    ("in time by a second", {"signal": a_tick(deadline=NOW + SECOND)}, None),
    (
        "at the deadline itself",
        {"signal": a_tick(deadline=NOW)},
        Skip(Reason.DEADLINE_PASSED, "the deadline was 0s ago"),
    ),
    ("it acted just now", ACTED, Hold(Reason.COOLDOWN, NOW + HOUR - 10 * SECOND)),
    (
        "another rule acted just now",
        {"acted": {"another": NOW}, "cooldown": HOUR},
        None,
    ),
    (
        "the quiet time is over to the second",
        {"acted": {"deallocate-idle": NOW - HOUR}, "cooldown": HOUR},
        None,
    ),
    (
        "another plan works on it",
        {"in_flight": "p-1"},
        Hold(Reason.IN_FLIGHT, NOW + guardrails.IN_FLIGHT_RETRY, "p-1"),
    ),
]


@pytest.mark.parametrize(("title", "fields", "expected"), CASES, ids=[c[0] for c in CASES])
def test_a_guardrail_says_no_for_its_own_reason(title: str, fields, expected):
    """Each no is named, because the name is what a person reads afterwards."""
    assert expected == guardrails.ask(a_context(**fields))


def test_the_first_no_in_their_order_is_the_answer():
    """Cheap before costly: taking the reasons away one by one shows the order."""
    fields = {
        "mode": Mode.OBSERVE,
        "is_dry_run": True,
        "is_opted_out": True,
        **LATE,
        **ACTED,
        "in_flight": "p-1",
    }
    yes = {
        "mode": {"mode": Mode.AUTO},
        "dry_run": {"is_dry_run": False},
        "opted_out": {"is_opted_out": False},
        "deadline": {"signal": a_tick()},
        "cooldown": {"cooldown": timedelta(0)},
        "in_flight": {"in_flight": ""},
    }
    said = []
    for change in yes.values():
        answer = guardrails.ask(a_context(**fields))
        assert answer is not None
        said.append(answer.reason)
        fields.update(change)
    assert guardrails.ask(a_context(**fields)) is None
    assert [
        Reason.OBSERVE_ONLY,
        Reason.DRY_RUN,
        Reason.OPTED_OUT,
        Reason.DEADLINE_PASSED,
        Reason.COOLDOWN,
        Reason.IN_FLIGHT,
    ] == said
    assert list(yes) == [one.__name__ for one in guardrails.GUARDRAILS]


def test_an_eviction_is_never_held_by_a_cooldown():
    """It happens whatever we decide: quiet time would only lose the work."""
    fields = {"signal": a_notice(), "rule": "drain-node", "cooldown": HOUR}
    assert guardrails.ask(a_context(**fields, acted={"drain-node": NOW})) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mode": Mode.OBSERVE}, Reason.OBSERVE_ONLY),
        ({"is_dry_run": True}, Reason.DRY_RUN),
        ({"is_opted_out": True}, Reason.OPTED_OUT),
        ({"in_flight": "p-1"}, Reason.IN_FLIGHT),
        ({"now": NOW + HOUR}, Reason.DEADLINE_PASSED),
    ],
)
def test_an_eviction_still_heeds_the_other_guardrails(fields, expected: Reason):
    """A person's word, and the one plan a target may have, count in a hurry too."""
    answer = guardrails.ask(a_context(**{"signal": a_notice(), **fields}))
    assert answer is not None
    assert expected == answer.reason


def test_a_dry_run_shows_every_answer_by_name():
    """A person sees at once all that stands in the way, not one thing after another."""
    fields = {"is_dry_run": True, "is_opted_out": True, "in_flight": "p-1"}
    assert {
        "mode": "pass",
        "dry_run": "dry_run",
        "opted_out": "opted_out",
        "deadline": "pass",
        "cooldown": "pass",
        "in_flight": "in_flight",
    } == guardrails.answers(a_context(**fields))
