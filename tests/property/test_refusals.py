"""Laws of the guardrails, over every mixture of what they look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core import guardrails
from shared.core.decisions import Hold, Reason
from shared.core.freezes import Freeze, Weekly
from shared.core.guardrails import Context
from shared.core.plans import Mode
from tests.builders import HOUR, MINUTE, NOW, a_context, a_notice, a_pause, a_tick

FREEZE = Freeze("w", Weekly(frozenset({1}), time(2), 2 * HOUR), UTC)
UNREAD = Hold(Reason.UNREADABLE, NOW + MINUTE)


def signals():
    """Make ticks and notices, old and late ones among them."""
    ages = st.sampled_from([timedelta(0), HOUR, 7 * HOUR])
    limits = st.sampled_from([None, NOW - MINUTE, NOW + MINUTE])
    return st.builds(
        lambda make, age, limit: make(observed_at=NOW - age, deadline=limit),
        st.sampled_from([a_tick, a_notice]),
        ages,
        limits,
    )


CONTEXTS = st.builds(
    a_context,
    signal=signals(),
    mode=st.sampled_from(Mode),
    is_dry_run=st.booleans(),
    is_opted_out=st.booleans(),
    pause=st.sampled_from([None, a_pause(), a_pause(expires_at=None)]),
    pauses_unread=st.sampled_from([None, UNREAD]),
    protected_by=st.sampled_from(["", "its tag"]),
    locks_unread=st.sampled_from([None, UNREAD]),
    freezes=st.sampled_from([(), (FREEZE,)]),
    max_age=st.sampled_from([None, MINUTE, 2 * HOUR]),
    in_flight=st.sampled_from(["", "p-1"]),
    acted=st.sampled_from([{}, {"deallocate-idle": NOW - MINUTE}]),
    cooldown=st.sampled_from([timedelta(0), HOUR]),
)


@given(CONTEXTS)
def test_what_a_person_said_is_never_acted_against(context: Context):
    """Paused, protected, opted out, or not known to be none of it: no plan at all."""
    if (
        context.pause
        or context.pauses_unread
        or context.protected_by
        or context.locks_unread
        or context.is_opted_out
    ):
        assert guardrails.ask(context) is not None


@given(CONTEXTS)
def test_nothing_voluntary_is_begun_in_a_freeze(context: Context):
    """Whatever else is well."""
    if context.freezes and not context.signal.is_involuntary:
        assert guardrails.ask(context) is not None


@given(CONTEXTS)
def test_the_answer_is_the_first_no_of_all_answers(context: Context):
    """What a dry run shows and what is done are one and the same judgement."""
    said = list(guardrails.answers(context).values())
    answer = guardrails.ask(context)
    first = next((one for one in said if one != "pass"), None)
    assert first == (answer.reason.value if answer else None)


@given(CONTEXTS)
def test_no_freeze_and_no_cooldown_ever_changes_an_evictions_answer(context: Context):
    """It is spared those two, and nothing else depends on them."""
    if context.signal.is_involuntary:
        bare = replace(context, freezes=(), cooldown=timedelta(0), acted={})
        assert guardrails.ask(bare) == guardrails.ask(context)


@given(CONTEXTS)
def test_a_hold_that_names_a_moment_lets_pass_then_or_says_something_else(context: Context):
    """Nobody is told to come back for nothing: at its end the same no is gone."""
    answer = guardrails.ask(context)
    if isinstance(answer, Hold) and answer.until and answer.reason is not Reason.UNREADABLE:
        pause = (
            context.pause
            if context.pause and context.pause.is_in_force(answer.until)
            else None
        )
        later = replace(context, now=answer.until, pause=pause, in_flight="")
        again = guardrails.ask(later)
        assert again is None or again.reason is not answer.reason
