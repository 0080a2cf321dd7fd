"""The month's account, kept by the idle tick over a whole night."""

from __future__ import annotations

import pytest

from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.money import PriceTable
from shared.core.plans import Mode
from shared.engine.saving import savings
from tests.builders import HOUR, MINUTE, SECOND, VM, a_rule
from tests.shift import Shift

TABLE = PriceTable(
    "USD", "2026-11", by_region={"westeurope": {"standard_nc24ads_a100_v4": 4.0}}
)
TICK = 10 * MINUTE


def begin(mode: Mode = Mode.AUTO) -> Shift:
    """Make a night with a list of prices and one quiet machine."""
    shift = Shift.begin(a_rule("deallocate_idle", mode=mode, gpu_metric="Guest/gpu"))
    shift.world.prices.told = TABLE
    shift.with_machine()
    return shift


def look(shift: Shift, times: int) -> None:
    """Let so many ticks come, ten minutes apart."""
    for _ in range(times):
        shift.tick()
        shift.run_until_quiet()
        shift.wait(TICK)


def test_a_deallocation_says_what_it_saves_an_hour_and_the_month_counts_it():
    """From the first look that sees it off to the last."""
    shift = begin()
    look(shift, 4)
    assert (4.0, "USD") == (
        shift.plan.steps[0].detail["saves_per_hour"],
        shift.plan.steps[0].detail["currency"],
    )
    told = shift.invoke(savings(shift.night, "2030-01"))
    [line] = told["saved_by_rule"]
    assert "deallocate-idle" == line["rule"]
    assert line["hours"] > 0
    assert line["amount"] == pytest.approx(4.0 * line["hours"], abs=0.05)
    assert 0.0 == told["running_and_idle"]


def test_a_rule_that_only_observes_shows_what_that_costs():
    """The figure that makes a person change the mode."""
    shift = begin(Mode.OBSERVE)
    look(shift, 7)
    told = shift.invoke(savings(shift.night, "2030-01"))
    assert ["observe_only"] == [line["reason"] for line in told["idle_by_reason"]]
    assert told["running_and_idle"] == pytest.approx(4.0, abs=0.2)
    assert 0.0 == told["saved"]


def test_a_machine_that_a_person_stopped_saves_nothing_of_ours():
    """No plan of ours acted on it."""
    shift = begin()
    shift.world.compute.machines_by_id[VM.casefold()].power = "deallocated"
    look(shift, 4)
    assert [] == shift.invoke(savings(shift.night, "2030-01"))["saved_by_rule"]


def test_a_size_without_a_price_is_no_reason_not_to_act():
    """The list is for people; the rule decides."""
    shift = begin()
    shift.world.prices.told = PriceTable()
    look(shift, 2)
    assert "saves_per_hour" not in shift.plan.steps[0].detail
    assert [VM] == shift.done("deallocate")


def test_the_next_month_begins_with_who_is_off():
    """Midnight of the first does not start a machine."""
    shift = begin()
    look(shift, 3)
    shift.wait(31 * 24 * HOUR)
    look(shift, 3)
    february = shift.invoke(savings(shift.night, "2030-02"))
    assert ["deallocate-idle"] == [line["rule"] for line in february["saved_by_rule"]]


def test_a_month_of_which_nothing_is_known_is_said_so():
    """Not zero: nothing."""
    shift = begin()
    with pytest.raises(InvalidTarget, match="nothing was counted"):
        shift.invoke(savings(shift.night, "1999-01"))


def test_an_account_that_cannot_be_written_stops_nobody():
    """Machines are switched off all the same; the next tick counts again."""
    shift = begin()
    down = ProviderUnavailable("writing: 503", after=SECOND)
    with shift.raising("before write", down), pytest.raises(ProviderUnavailable):
        shift.tick()
    shift.run_until_quiet()
    assert [VM] == shift.done("deallocate")
