"""The arithmetic of disruption budgets, as laws and by the book's examples."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kubernetes.budgets import balance, scaled

COUNTS = st.integers(min_value=0, max_value=200)
PERCENTS = st.integers(min_value=0, max_value=100)


@pytest.mark.parametrize(
    ("spec", "healthy", "allowed"),
    [
        ({"minAvailable": 3}, 5, 2),
        ({"minAvailable": 5}, 5, 0),
        ({"minAvailable": "50%"}, 5, 2),
        ({"maxUnavailable": 1}, 5, 1),
        ({"maxUnavailable": 1}, 4, 0),
        ({"maxUnavailable": "30%"}, 5, 2),
        ({"maxUnavailable": "0%"}, 5, 0),
        ({"maxUnavailable": 9}, 5, 5),
        ({}, 5, 0),
    ],
)
def test_a_budget_of_five_replicas_allows_what_the_book_says(
    spec: dict, healthy: int, allowed: int
):
    """Percentages round up on both sides, so 50 % of 5 wants 3, and 30 % of 5 allows 2."""
    assert allowed == balance(spec, matching=5, scale=5, healthy=healthy).allowed


def test_a_budget_whose_pods_are_not_there_yet_allows_nothing():
    """Before its first pods appear, a budget must not be a licence."""
    assert 0 == balance({"minAvailable": 0}, matching=0, scale=0, healthy=0).allowed


@given(percent=PERCENTS, total=COUNTS)
def test_a_percentage_is_rounded_up_and_by_less_than_one(percent: int, total: int):
    """Against exact fractions: no float may decide whether a pod is spared."""
    exact = Fraction(percent * total, 100)

    assert exact <= scaled(f"{percent}%", total) < exact + 1


@given(
    limit=COUNTS | PERCENTS.map("{}%".format),
    is_minimum=st.booleans(),
    scale=COUNTS,
    healthy=COUNTS,
)
def test_spending_all_that_is_allowed_never_breaks_the_budget(
    limit: int | str, is_minimum: bool, scale: int, healthy: int
):
    """After the last accepted eviction as many healthy pods are left as the budget wants."""
    spec = {"minAvailable" if is_minimum else "maxUnavailable": limit}

    found = balance(spec, matching=scale, scale=scale, healthy=healthy)

    assert found.allowed >= 0
    assert not found.allowed or healthy - found.allowed >= found.desired
    assert found.allowed <= healthy


@pytest.mark.parametrize("value", ["half", "10", "%", "-5%"])
def test_a_limit_that_is_neither_count_nor_percentage_is_refused(value: str):
    """Read as zero it would either block for ever or allow everything."""
    with pytest.raises(ValueError, match="no percentage"):
        scaled(value, 10)
