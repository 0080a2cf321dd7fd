"""Each guardrail by table, their order, and which of them an eviction is spared."""

from __future__ import annotations

from datetime import UTC, time, timedelta

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason, Skip
from shared.core.freezes import Freeze, Weekly
from shared.core.plans import Mode
from shared.core.tallies import Tally
from shared.core.terms import ApprovalKind, Budget, Canary, Limit, LimitScope
from tests.builders import HOUR, NOW, SECOND, a_context, a_notice, a_pause, a_tick
from tests.tallying import a_breaker, begun, counted, failed, storm_tally

WORDS = "pause-1 of global by ada (self-declared) until 2030-01-01T04:00:00Z: "
NIGHT = Freeze("night", Weekly(frozenset(range(7)), time(2), 2 * HOUR), UTC, "2 to 4", "f:3")
UNREAD = Hold(Reason.UNREADABLE, NOW + SECOND, "the pauses could not be read: away")
OLD = {"signal": a_tick(observed_at=NOW - 7 * HOUR)}
ACTED = {"acted": {"deallocate-idle": NOW - 10 * SECOND}, "cooldown": HOUR}
LATE = {"signal": a_tick(deadline=NOW - 90 * SECOND)}
NOTHING_LEFT = {
    "rule": "deallocate-idle",
    "limits": (Limit(LimitScope.RULE, count=0),),
    "breaker": a_breaker(count=1),
    "budget": Budget(retries=0, within=HOUR),
    "canary": Canary(first=1, soak=HOUR, every=HOUR),
    "approval_kind": ApprovalKind.REQUIRED,
}
CASES = [
    ("everything is well", {}, None),
    (
        "a person paused it",
        {"pause": a_pause()},
        Hold(Reason.PAUSED, NOW + HOUR, f"{WORDS}the storage array is being moved"),
    ),
    (
        "a person paused it until they lift it",
        {"pause": a_pause(expires_at=None, is_owner_verified=True, reason="fire")},
        Hold(Reason.PAUSED, None, "pause-1 of global by ada until lifted: fire"),
    ),
    ("nobody knows whether it is paused", {"pauses_unread": UNREAD}, UNREAD),
    (
        "it is protected",
        {"protected_by": "its tag nightshift=protected"},
        Skip(Reason.PROTECTED, "its tag nightshift=protected"),
    ),
    ("nobody knows whether it is locked", {"locks_unread": UNREAD}, UNREAD),
    (
        "a freeze lasts",
        {"freezes": (NIGHT,)},
        Hold(Reason.FROZEN, NOW + HOUR, "freeze 'night': 2 to 4 (f:3)"),
    ),
    ("a freeze is over", {"freezes": (NIGHT,), "now": NOW + HOUR}, None),
    (
        "it is older than anybody meant",
        OLD,
        Skip(Reason.STALE_EVENT, "it is 7h old; this rule acts on what is 6h old at most"),
    ),
    ("the rule takes it as old as this", {**OLD, "max_age": 7 * HOUR}, None),
    (
        "it is older than the rule takes",
        {"signal": a_tick(observed_at=NOW - 90 * SECOND), "max_age": SECOND},
        Skip(Reason.STALE_EVENT, "it is 1m30s old; this rule acts on what is 1s old at most"),
    ),
    ("its clock goes ahead of ours", {"signal": a_tick(observed_at=NOW + HOUR)}, None),
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
        "pause": a_pause(),
        "mode": Mode.OBSERVE,
        "is_dry_run": True,
        "is_opted_out": True,
        "protected_by": "its tag",
        "freezes": (NIGHT,),
        "max_age": SECOND,
        "signal": a_tick(observed_at=NOW - HOUR, deadline=NOW - SECOND),
        **ACTED,
        "in_flight": "p-1",
        **NOTHING_LEFT,
    }
    tallies = Tally("canary|rule|deallocate-idle|abc", (begun(2),)), storm_tally(failed(2))
    yes = {
        "paused": {"pause": None},
        "mode": {"mode": Mode.AUTO},
        "dry_run": {"is_dry_run": False},
        "opted_out": {"is_opted_out": False},
        "protected": {"protected_by": ""},
        "freeze": {"freezes": ()},
        "freshness": {"max_age": 2 * HOUR},
        "deadline": {"signal": a_tick()},
        "cooldown": {"cooldown": timedelta(0)},
        "in_flight": {"in_flight": ""},
        "blast_radius": {"limits": ()},
        "breaker": {"breaker": None},
        "budget": {"budget": None},
        "canary": {"canary": None},
        "approval": {"approval_kind": ApprovalKind.NONE},
    }
    said = []
    for change in yes.values():
        answer = guardrails.ask(counted(*tallies, **fields))
        assert answer is not None
        said.append(answer.reason)
        fields.update(change)
    assert guardrails.ask(counted(*tallies, **fields)) is None
    assert [
        Reason.PAUSED,
        Reason.OBSERVE_ONLY,
        Reason.DRY_RUN,
        Reason.OPTED_OUT,
        Reason.PROTECTED,
        Reason.FROZEN,
        Reason.STALE_EVENT,
        Reason.DEADLINE_PASSED,
        Reason.COOLDOWN,
        Reason.IN_FLIGHT,
        Reason.BLAST_RADIUS,
        Reason.STORM,
        Reason.BUDGET_SPENT,
        Reason.CANARY,
        Reason.AWAITING_APPROVAL,
    ] == said
    assert list(yes) == [one.__name__ for one in guardrails.GUARDRAILS]


def test_an_eviction_is_never_held_by_a_cooldown():
    """It happens whatever we decide: quiet time would only lose the work."""
    fields = {"signal": a_notice(), "rule": "drain-node", "cooldown": HOUR}
    assert guardrails.ask(a_context(**fields, acted={"drain-node": NOW})) is None


def test_an_eviction_is_never_held_by_a_freeze_nor_by_its_age():
    """No calendar stops the platform; its own deadline says when it is too late."""
    notice = a_notice(observed_at=NOW - 30 * HOUR)
    assert guardrails.ask(a_context(signal=notice, freezes=(NIGHT,))) is None


def test_what_an_eviction_passes_is_the_published_list():
    """Grown by accident, it would hold evictions; shrunk, it would run over people."""
    asked = [one.__name__ for one in guardrails.GUARDRAILS if one in guardrails.INVOLUNTARY]
    assert [
        "paused",
        "mode",
        "dry_run",
        "opted_out",
        "protected",
        "freshness",
        "deadline",
        "in_flight",
    ] == asked


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"pause": a_pause()}, Reason.PAUSED),
        ({"pauses_unread": UNREAD}, Reason.UNREADABLE),
        ({"protected_by": "its tag"}, Reason.PROTECTED),
        ({"now": NOW + 2 * SECOND, "max_age": SECOND}, Reason.STALE_EVENT),
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
    counting = ("blast_radius", "breaker", "budget", "canary", "approval")
    assert {
        "paused": "pass",
        "mode": "pass",
        "dry_run": "dry_run",
        "opted_out": "opted_out",
        "protected": "pass",
        "freeze": "pass",
        "freshness": "pass",
        "deadline": "pass",
        "cooldown": "pass",
        "in_flight": "in_flight",
        **dict.fromkeys(counting, "pass"),
    } == guardrails.answers(a_context(**fields))
