"""What may be tried again, and what may be spent."""

from __future__ import annotations

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason
from shared.core.reservations import reserve
from shared.core.tallies import Entry, Tally, fold
from shared.core.terms import Budget, Money
from tests.builders import HOUR, MINUTE, NOW
from tests.tallying import OWN, begun, counted, ended

TWO = Budget(retries=2, within=HOUR)
TARGET = f"plans|target|{fold(OWN)}"


def on_target(*entries: Entry) -> Tally:
    return Tally(TARGET, entries)


def test_a_rule_that_failed_twice_on_a_target_stops_trying():
    """Until the older failure is an hour ago."""
    tally = on_target(ended(7, "failed", 30 * MINUTE), ended(8, "unknown"))
    words = "2 of 2 plans of this rule on this target ended otherwise than done within 1h"
    expected = Hold(Reason.BUDGET_SPENT, NOW + 29 * MINUTE, words)
    assert expected == guardrails.ask(counted(tally, budget=TWO))


@pytest.mark.parametrize(
    "other",
    [
        ended(8, "done"),
        ended(8, "withdrawn"),
        ended(8, "failed", HOUR),
        ended(8, "failed", rule="another"),
        begun(8, MINUTE, rule="repair"),
    ],
    ids=["done", "withdrawn", "long ago", "of another rule", "under way"],
)
def test_only_what_did_not_work_is_a_try(other: Entry):
    """What was not wanted any more, or is not over, says nothing."""
    assert guardrails.ask(counted(on_target(ended(7, "failed"), other), budget=TWO)) is None


def test_no_retries_at_all_is_never():
    """0 blocks all."""
    answer = guardrails.ask(counted(budget=Budget(retries=0, within=HOUR)))
    assert isinstance(answer, Hold)
    assert (Reason.BUDGET_SPENT, None) == (answer.reason, answer.until)


def money(limit: float, each: float) -> Budget:
    return Budget(retries=None, within=HOUR, money=Money(limit, each, 24 * HOUR))


def spent(*amounts: float) -> Tally:
    entries = (begun(n, n * HOUR, amount=amount) for n, amount in enumerate(amounts, 2))
    return Tally("money|rule|repair", tuple(entries))


def test_money_is_spent_to_the_last_cent_and_no_further():
    """Ten times 0.1 is 1: money is added in decimals."""
    budget = money(1, 0.1)
    assert guardrails.ask(counted(spent(*[0.1] * 9), budget=budget)) is None
    answer = guardrails.ask(counted(spent(*[0.1] * 10), budget=budget))
    words = "1.0 of 1 spent within 1d, and one plan costs 0.1"
    assert Hold(Reason.BUDGET_SPENT, NOW + 13 * HOUR, words) == answer


def test_the_answer_waits_until_enough_money_is_free():
    """One plan of 5 needs two of 3 to leave."""
    answer = guardrails.ask(counted(spent(3, 3, 3), budget=money(10, 5)))
    assert isinstance(answer, Hold)
    assert NOW + 21 * HOUR == answer.until


def test_a_plan_that_costs_more_than_there_is_never_begins():
    """No moment is promised."""
    answer = guardrails.ask(counted(budget=money(4, 5)))
    assert isinstance(answer, Hold)
    assert (Reason.BUDGET_SPENT, None) == (answer.reason, answer.until)


def test_opening_a_plan_spends_what_it_costs():
    """Whatever becomes of it: a redeployment that failed was paid for."""
    context = counted(budget=money(10, 2.5))
    (tally,) = [one for one in reserve(context) if one.kind == "money"]
    assert [(context.plan_id, 2.5)] == [(one.token, one.amount) for one in tally.entries]
