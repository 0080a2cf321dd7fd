"""Laws of the guardrails, over all contexts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core import guardrails
from shared.core.decisions import Hold, Reason, Skip
from shared.core.guardrails import Context
from shared.core.plans import Mode
from tests.builders import NOW, a_notice, a_tick

spans = st.timedeltas(timedelta(minutes=-90), timedelta(minutes=90))
contexts = st.builds(
    Context,
    now=spans.map(lambda span: NOW + span),
    rule=st.sampled_from(["one", "two"]),
    signal=st.builds(
        lambda signal, deadline: replace(signal, deadline=deadline),
        st.sampled_from([a_tick(), a_notice()]),
        st.none() | spans.map(lambda span: NOW + span),
    ),
    mode=st.sampled_from(Mode),
    is_dry_run=st.booleans(),
    is_opted_out=st.booleans(),
    in_flight=st.sampled_from(["", "p-1"]),
    acted=st.dictionaries(st.sampled_from(["one", "two"]), spans.map(lambda s: NOW + s)),
    cooldown=st.timedeltas(timedelta(0), timedelta(minutes=90)),
)


@given(contexts)
def test_a_plan_passes_only_where_nothing_speaks_against_it(context: Context):
    """Never on what a person opted out, never in a dry run, never past its deadline."""
    if guardrails.ask(context) is not None:
        return
    limit = context.signal.deadline
    assert context.mode is Mode.AUTO
    said_no = [context.is_dry_run, context.is_opted_out, bool(context.in_flight)]
    assert not any(said_no)
    assert limit is None or context.now < limit


@given(contexts)
def test_opting_out_turns_every_yes_into_a_no(context: Context):
    """Whatever else is true, a person's tag is enough."""
    assert guardrails.ask(replace(context, is_opted_out=True)) is not None


@given(contexts)
def test_a_hold_names_a_later_moment_and_ends_there(context: Context):
    """A Hold(until) acts at until if nothing changed; an open plan must be gone by then."""
    answer = guardrails.ask(context)
    if not isinstance(answer, Hold):
        return
    assert answer.until is not None
    assert answer.until > context.now
    later = replace(context, now=answer.until, in_flight="")
    again = guardrails.ask(later)
    assert again is None or (again.reason is Reason.DEADLINE_PASSED)


@given(contexts, st.timedeltas(timedelta(0), timedelta(hours=9)))
def test_waiting_never_turns_a_yes_into_a_hold(context: Context, waited: timedelta):
    """Time alone takes a yes away only by the deadline."""
    if guardrails.ask(context) is not None:
        return
    later = guardrails.ask(replace(context, now=context.now + waited))
    assert later is None or (
        isinstance(later, Skip) and later.reason is Reason.DEADLINE_PASSED
    )


@given(contexts)
def test_an_involuntary_disruption_is_never_told_to_cool_down(context: Context):
    """It happens whatever we decide."""
    answer = guardrails.ask(replace(context, signal=a_notice()))
    assert answer is None or answer.reason is not Reason.COOLDOWN


@given(contexts)
def test_explaining_and_asking_agree(context: Context):
    """What a dry run shows is what would have stopped the plan: its first no."""
    said = [word for word in guardrails.answers(context).values() if word != "pass"]
    answer = guardrails.ask(context)
    assert (answer.reason.value if answer else None) == (said[0] if said else None)
