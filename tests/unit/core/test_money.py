"""Money: only what was seen counts, at the list's price."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.facts import MachineFacts
from shared.core.money import (
    Month,
    PriceTable,
    Seen,
    account,
    cause,
    month_from_json,
    month_to_json,
    month_view,
    newly_off,
    read_prices,
    seen,
)
from tests.builders import HOUR, MINUTE, NOW, VM, a_resource

TABLE = PriceTable(
    "USD", "2026-11", by_region={"westeurope": {"standard_nc24ads_a100_v4": 4.0}}
)
ROOT = Path(__file__).parents[3]


def machine(name: str = "a", *, is_off: bool = True, hourly: float | None = 4.0) -> Seen:
    """Make a machine of the vision team."""
    return Seen(name, is_off, "vision", hourly)


def look(month: Month, *machines: Seen, minutes: int, **told) -> None:
    """Look once, so many minutes into the night."""
    known = {"idle": {}, "causes": {}, "is_whole": True, **told}
    account(month, machines, now=NOW + minutes * MINUTE, **known)


def test_what_we_switched_off_saves_from_look_to_look():
    """Twenty minutes off, at four an hour."""
    month = Month()
    look(month, machine(), minutes=0, causes={"a": "idle"})
    look(month, machine(), minutes=10)
    look(month, machine(), minutes=20)
    [(hours, amount)] = month.saved.values()
    assert [("idle", "vision")] == list(month.saved)
    assert (20 / 60, 80 / 60) == pytest.approx((hours, amount))


def test_what_others_switched_off_saves_nothing_of_ours():
    """A person's shutdown is no feather in our cap."""
    month = Month()
    look(month, machine(), minutes=0)
    look(month, machine(), minutes=10, causes={"a": "idle"})
    assert {} == month.saved


def test_a_machine_that_was_started_again_saves_no_more():
    """And what then switches it off is asked anew."""
    month = Month()
    look(month, machine(), minutes=0, causes={"a": "idle"})
    look(month, minutes=10)
    assert ["a"] == newly_off(month, [machine()])


def test_a_look_that_did_not_see_everything_forgets_nobody():
    """A subscription that cannot be read for an hour has not started its machines."""
    month = Month()
    look(month, machine(), minutes=0, causes={"a": "idle"})
    look(month, minutes=10, is_whole=False)
    look(month, machine(), minutes=20)
    assert 10 / 60 == pytest.approx(month.saved["idle", "vision"][0])


def test_a_gap_counts_an_hour_at_most():
    """What happened while nobody looked is not known."""
    month = Month()
    look(month, machine(), minutes=0, causes={"a": "idle"})
    look(month, machine(), minutes=600)
    assert 1.0 == month.saved["idle", "vision"][0]


def test_idle_and_running_stands_under_its_reason():
    """Somebody should see what it costs that a rule only observes."""
    month = Month()
    look(month, minutes=0)
    running = machine(is_off=False)
    look(month, running, minutes=30, idle={"a": "observe_only"})
    assert {("observe_only", "vision"): (0.5, 2.0)} == month.idle


def test_a_size_without_a_price_is_told_in_hours():
    """No guess, and no silence."""
    month = Month()
    look(month, machine(hourly=None), minutes=0, causes={"a": "idle"})
    look(month, machine(hourly=None), minutes=60)
    view = month_view("2030-01", month, TABLE)
    assert (0.0, 1.0) == (view["saved"], view["unpriced_hours"])


def test_the_cause_is_the_last_rule_that_acted_a_moment_ago():
    """A plan of last week did not switch it off tonight."""
    acted = {"old": NOW - 3 * HOUR, "idle": NOW - HOUR, "first": NOW - 2 * HOUR}
    assert "idle" == cause(acted, NOW)
    assert not cause({"old": NOW - 3 * HOUR}, NOW)


def test_a_machine_is_priced_by_size_and_region_and_known_by_its_tag():
    """Azure spells regions, sizes and tags in any case."""
    resource = a_resource(VM, tags={"Team": "vision"})
    off = MachineFacts(resource, "deallocated", True, None)
    assert Seen(VM.casefold(), True, "vision", 4.0) == seen(off, TABLE, "team")
    assert None is seen(MachineFacts(resource, None, True, None), TABLE, "team")


@given(st.lists(st.tuples(st.integers(0, 120), st.booleans(), st.booleans()), max_size=30))
def test_never_more_is_saved_than_the_time_that_went_by(looks):
    """The law: whatever is seen, in whatever order, money is not made of nothing."""
    month, minutes = Month(), 0
    for after, is_off, is_whole in looks:
        minutes += after
        one = machine(is_off=is_off)
        look(month, one, minutes=minutes, causes={"a": "idle"}, is_whole=is_whole)
    total = sum(hours for hours, _ in month.saved.values())
    assert total <= minutes / 60 + 1e-9
    assert month == month_from_json(json.loads(json.dumps(month_to_json(month))))


def test_the_list_that_is_deployed_can_be_read():
    """With its date and its source."""
    table = read_prices(json.loads((ROOT / "rules" / "prices.json").read_text()))
    assert 3.673 == table.hourly("Standard_NC24ads_A100_v4", "East US")
    assert all((table.currency, table.dated, table.source))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "should be an object"),
        ({}, "regions"),
        ({"regions": {"eastus": 7}}, "regions.eastus"),
        ({"regions": {"eastus": {"A1": "cheap"}}}, "regions.eastus.A1"),
        ({"regions": {"eastus": {"A1": -1}}}, "no price"),
        ({"regions": {"eastus": {"A1": True}}}, "no price"),
    ],
)
def test_a_broken_list_says_where(document, words):
    """The place, and what should be there."""
    with pytest.raises(ValueError, match=words):
        read_prices(document)


def test_a_month_shows_its_totals_and_each_line():
    """What a person reads first."""
    month = Month()
    look(month, machine(), minutes=0, causes={"a": "idle"})
    look(month, machine(), minutes=60)
    view = month_view("2030-01", month, TABLE)
    assert (4.0, "USD", "2026-11") == (view["saved"], view["currency"], view["prices_dated"])
    line = {"rule": "idle", "team": "vision", "hours": 1.0, "amount": 4.0}
    assert [line] == view["saved_by_rule"]
