"""When a wave begins and ends, who leads it, and when its job leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.waves import Wave, join, latest, leave_now, note_told, take_over
from tests.builders import MINUTE, NOW, SECOND

LEAD = 12 * SECOND


def joined(wave: Wave, plan: str, after: int = 0, until: int | None = None) -> Wave:
    """Join so many seconds later."""
    now = NOW + after * SECOND
    last = None if until is None else NOW + until * SECOND
    return join(wave, plan, now=now, window=MINUTE, lead=LEAD, until=last)


def test_the_first_plan_begins_and_leads():
    """It tells the job, and names the wave."""
    wave = joined(Wave("k"), "p-1")
    assert ("p-1", "p-1", NOW, NOW + LEAD) == (
        wave.first,
        wave.leader,
        wave.began_at,
        wave.leave_at,
    )


def test_whoever_joins_with_time_to_spare_writes_nothing():
    """A job on five hundred nodes would else have five hundred writers of one row."""
    wave = joined(Wave("k"), "p-1")
    assert joined(wave, "p-2", after=5) is wave


def test_a_nearer_deadline_brings_the_moment_forward_and_never_back():
    """The first node to go decides for all."""
    wave = joined(Wave("k"), "p-1")
    sooner = joined(wave, "p-2", after=1, until=4)
    assert NOW + 4 * SECOND == sooner.leave_at
    assert joined(sooner, "p-3", after=2, until=9) is sooner


def test_a_wave_lasts_for_its_window_and_while_its_job_waits():
    """A long lead is one wave, however late the last notice comes."""
    wave = joined(Wave("k"), "p-1")
    assert "p-1" == joined(wave, "p-2", after=59).first
    assert "p-2" == joined(wave, "p-2", after=60).first
    patient = replace(wave, leave_at=NOW + 5 * MINUTE)
    assert "p-1" == joined(patient, "p-2", after=299).first


def test_a_plan_never_follows_itself_with_a_new_wave():
    """One that is held up for minutes must not tell the job again."""
    wave = joined(Wave("k"), "p-1")
    assert joined(wave, "p-1", after=600) is wave


def test_a_leader_that_is_silent_for_long_is_replaced_and_a_quick_one_is_not():
    """Its plan may have been withdrawn before it told anybody."""
    wave = joined(Wave("k"), "p-1")
    assert take_over(wave, "p-2", NOW + 2 * SECOND) is wave
    assert "p-2" == take_over(wave, "p-2", NOW + 3 * SECOND).leader
    told = note_told(wave, ("llm-0",), now=NOW, gather=SECOND)
    assert take_over(told, "p-2", NOW + MINUTE) is told


def test_a_job_that_nobody_had_to_tell_waits_only_for_its_others():
    """There is nothing to save; but its pods should still go together."""
    wave = joined(Wave("k"), "p-1")
    quiet = note_told(wave, (), now=NOW + SECOND, gather=2 * SECOND)
    asked = note_told(wave, ("llm-0",), now=NOW + SECOND, gather=2 * SECOND)
    assert (NOW + 2 * SECOND, NOW + LEAD) == (quiet.leave_at, asked.leave_at)


def test_who_was_told_is_written_once():
    """A worker that died after it wrote it finds it done."""
    told = note_told(joined(Wave("k"), "p-1"), ("llm-0",), now=NOW, gather=SECOND)
    assert note_told(told, ("llm-1",), now=NOW + SECOND, gather=SECOND) is told


def test_half_of_what_is_left_is_the_most_that_is_waited():
    """The other half is the grace of those who leave."""
    margin = 3 * SECOND
    assert NOW + 13.5 * SECOND == latest(NOW + 30 * SECOND, margin, NOW)
    assert NOW == latest(NOW + SECOND, margin, NOW)
    assert latest(None, margin, NOW) is None


arrivals = st.lists(st.tuples(st.integers(0, 59), st.integers(0, 40)), min_size=1, max_size=12)


@given(arrivals, st.integers(0, 30))
def test_in_one_window_there_is_one_wave_and_its_moment_only_comes_nearer(
    notices: list[tuple[int, int]], safe_after: int
):
    """Whatever the order and the deadlines: one name, one leader, nobody waits too long."""
    wave, before = Wave("k"), None
    start = min(after for after, _ in notices)
    for number, (after, left) in enumerate(sorted(notices)):
        until = after + left
        wave = joined(wave, f"p-{number}", after=after, until=until)
        assert ("p-0", "p-0") == (wave.first, wave.leader)
        assert wave.leave_at is not None
        assert wave.leave_at <= NOW + timedelta(seconds=until)
        assert before is None or wave.leave_at <= before
        before = wave.leave_at
    left_now = leave_now(wave, NOW + safe_after * SECOND)
    assert left_now.leave_at == min(before, NOW + safe_after * SECOND)
    assert wave.began_at == NOW + start * SECOND
