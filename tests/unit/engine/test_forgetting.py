"""Tallies that nobody counts in any more go; what a tick has no time for is left."""

from __future__ import annotations

from datetime import timedelta

from shared.core.tallies import LONGEST_WINDOW, Entry, Tally
from shared.engine import forgetting
from tests.builders import NOW, a_rule
from tests.shift import Shift

DAY = timedelta(days=1)


def a_shift(*ages: timedelta) -> Shift:
    """Begin with one tally for each age."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    for number, ago in enumerate(ages):
        at = NOW - ago
        over = Entry(f"p-{number}", "/t", at, ended_at=at, outcome="done")
        shift.invoke(shift.world.tallies.save(Tally(f"plans|target|/t/{number}", (over,))))
    return shift


def test_what_the_longest_window_may_count_is_kept():
    """A rule may look back a month: a place that was forgotten would be acted on again."""
    shift = a_shift(0 * DAY, LONGEST_WINDOW, LONGEST_WINDOW + 2 * DAY, 400 * DAY)
    assert (2, True) == shift.invoke(forgetting.forget_tallies(shift.night))
    assert ["plans|target|/t/0", "plans|target|/t/1"] == sorted(shift.world.tallies.stored)
    assert (0, True) == shift.invoke(forgetting.forget_tallies(shift.night))


def test_all_that_is_old_goes_page_after_page():
    """One night is enough for a fleet's worth."""
    shift = a_shift(*[400 * DAY] * (2 * forgetting.AT_ONCE + 1))
    forgotten = shift.invoke(forgetting.forget_tallies(shift.night))
    assert (2 * forgetting.AT_ONCE + 1, True) == forgotten


def test_what_a_tick_has_no_time_for_is_left_to_the_next():
    """The host ends a function that goes on for ever."""
    shift = a_shift(*[400 * DAY] * (2 * forgetting.AT_ONCE))
    shift.hooks.append(
        lambda at: shift.move(timedelta(minutes=9)) if at == "before forget" else None
    )
    forgotten = shift.invoke(forgetting.forget_tallies(shift.night))
    assert (forgetting.AT_ONCE, False) == forgotten
