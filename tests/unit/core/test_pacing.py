"""How often a channel is written to: in calm, in a storm, while it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.core import notices, pacing
from shared.core.digests import group
from shared.core.pacing import AN_HOUR, Pace
from shared.core.terms import Channel
from tests.builders import HOUR, MINUTE, NOW, SECOND
from tests.notices import a_story, an_approval

CALM = Pace(Channel.TEAMS)
NEWS = list(a_story(1))
QUESTION = notices.asked(an_approval())


def test_the_first_notice_goes_at_once():
    """A channel that was quiet has nothing to wait for."""
    assert NEWS == pacing.due(CALM, NEWS, NOW)


def test_between_two_runs_is_a_lull():
    """Fifteen seconds, so that what happens together is told together."""
    sent = pacing.after_run(CALM, NOW, sent=[NOW], due=1, waiting=1)
    assert [] == pacing.due(sent, NEWS, NOW + 14 * SECOND)
    assert NEWS == pacing.due(sent, NEWS, NOW + 15 * SECOND)


def test_in_a_storm_the_lull_grows_and_a_question_waits_less():
    """News may wait five minutes; a person who is asked, one."""
    pace, now = CALM, NOW
    for _ in range(6):
        pace = pacing.after_run(pace, now, sent=[now], due=9, waiting=9)
    both = [*NEWS, QUESTION]
    assert [] == pacing.due(pace, both, now + 59 * SECOND)
    assert [QUESTION] == pacing.due(pace, both, now + MINUTE)
    assert [QUESTION] == pacing.due(pace, both, now + 299 * SECOND)
    assert both == pacing.due(pace, both, now + 5 * MINUTE)


def test_calm_takes_the_long_lull_back():
    """The next single notice after a storm is told as fast as ever."""
    pace = pacing.after_run(CALM, NOW, sent=[NOW], due=9, waiting=9)
    pace = pacing.after_run(pace, NOW, sent=[NOW], due=1, waiting=1)
    assert NEWS == pacing.due(pace, NEWS, NOW + 15 * SECOND)


def test_a_question_in_the_middle_of_a_storm_does_not_end_it():
    """Or each question would let a digest of the storm through."""
    pace = CALM
    for _ in range(6):
        pace = pacing.after_run(pace, NOW, sent=[NOW], due=9, waiting=9)
    asked = pacing.after_run(pace, NOW, sent=[NOW], due=1, waiting=200)
    assert pace.level == asked.level
    assert [] == pacing.due(asked, NEWS, NOW + 4 * MINUTE)


def test_the_hour_has_an_allowance_and_the_last_of_it_is_for_questions():
    """Teams refuses everything after the hundredth message of an hour."""
    most = AN_HOUR[Channel.TEAMS]
    moments = [NOW - HOUR + (n + 1) * SECOND for n in range(most)]
    nearly = replace(CALM, sent=tuple(moments[: most - pacing.KEPT_FOR_URGENT]))
    assert [QUESTION] == pacing.due(nearly, [*NEWS, QUESTION], NOW)
    spent = replace(CALM, sent=tuple(moments))
    assert [] == pacing.due(spent, [QUESTION], NOW)
    assert [QUESTION] == pacing.due(spent, [QUESTION], NOW + SECOND)
    assert 1 == pacing.allowance(spent, NOW + SECOND)


def test_a_channel_that_fails_rests_longer_each_time_and_as_long_as_it_asks():
    """An outage of hours is asked about every ten minutes, not every fifteen seconds."""
    pace, rests = CALM, []
    for _ in range(8):
        pace = pacing.after_failure(pace, NOW, sent=[], after=SECOND)
        assert pace.until is not None
        rests.append((pace.until - NOW).total_seconds())
    assert [15, 30, 60, 120, 240, 480, 600, 600] == rests
    asked = pacing.after_failure(CALM, NOW, sent=[], after=20 * MINUTE)
    assert asked.is_resting(NOW + 20 * MINUTE - SECOND)
    assert not asked.is_resting(NOW + 20 * MINUTE)
    assert 0 == pacing.after_run(pace, NOW, sent=[NOW], due=1, waiting=1).failures


def test_what_it_took_before_it_failed_counts():
    """The allowance is of messages, not of good runs."""
    pace = pacing.after_failure(CALM, NOW, sent=[NOW], after=SECOND)
    assert AN_HOUR[Channel.TEAMS] - 1 == pacing.allowance(pace, NOW)
    assert AN_HOUR[Channel.TEAMS] == pacing.allowance(pace, NOW + HOUR)


def test_somebody_who_sends_keeps_others_from_it_for_a_minute():
    """Who dies at it delays the channel so long and no longer."""
    pace = pacing.claimed(CALM, NOW)
    assert pace.is_resting(NOW + 59 * SECOND)
    assert not pace.is_resting(NOW + MINUTE)


@pytest.mark.parametrize("minutes", [0, 1, 10, 20])
@pytest.mark.parametrize("channel", Channel)
def test_a_storm_of_a_thousand_plans_is_a_handful_of_messages(channel, minutes):
    """All at once or over twenty minutes: ten at most, and every notice in one of them."""
    arriving = [
        (NOW + n * timedelta(minutes=minutes) / 1000, one)
        for n in range(1000)
        for one in a_story(n)
    ]
    waiting, pace, now, messages, told = [], Pace(channel), NOW, 0, 0
    while arriving or waiting:
        while arriving and arriving[0][0] <= now:
            waiting.append(arriving.pop(0)[1])
        pace, count, gone = _run(pace, waiting, now)
        messages, told, now = messages + count, told + gone, now + pacing.LULL
    assert 2000 == told
    assert messages <= 10, messages


def _run(pace: Pace, waiting: list, now: datetime) -> tuple[Pace, int, int]:
    due = pacing.due(pace, waiting, now)
    if not due:
        return pace, 0, 0
    messages = group(due)
    sent, waited = [now] * len(messages), len(waiting)
    gone = {one.id for one in due}
    waiting[:] = [one for one in waiting if one.id not in gone]
    after = pacing.after_run(pace, now, sent=sent, due=len(due), waiting=waited)
    return after, len(messages), len(due)
