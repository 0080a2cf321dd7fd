"""What is told of a plan and of a question: short, true, and the same each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import notices, wording
from shared.core.errors import InvalidTarget
from shared.core.notice_json import notice_of, notice_to_json
from shared.core.notices import Notice, NoticeKind
from shared.core.plans import PlanOutcome, StepOutcome, StepRecord
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind, Channel
from tests import builders as make
from tests import notices as told_of
from tests.notices import EVERYWHERE, HOSTILE


def every_kind(text: str = "x") -> list[Notice]:
    """Make one notice of each kind; ``text`` stands wherever a text from outside may."""
    plan = told_of.a_plan_of(1, text)
    plan = replace(plan, target=text, signal={"type": text, "event_id": text})
    question = told_of.an_approval(rule=text, target=text, requester=text)
    return [
        notices.opened(plan, EVERYWHERE),
        notices.closed(told_of.ended(plan, PlanOutcome.FAILED), EVERYWHERE),
        notices.asked(question),
        notices.decided(told_of.answered(question, is_yes=True, reason=text)),
        notices.expired(question),
        notices.told(plan, text, EVERYWHERE),
        notices.tripped(f"breaker|pool|{text}", text, at=make.NOW, channels=EVERYWHERE),
        notices.rules_refused([text] * 40, at=make.NOW, channels=EVERYWHERE),
    ]


def test_every_kind_of_notice_is_made_here():
    """A kind that nobody makes is a kind that no test shows."""
    assert list(NoticeKind) == [one.kind for one in every_kind()]


def test_a_plan_that_begins_says_what_and_where_and_until_when():
    """A person at night needs the machine's name, not its ARM id."""
    notice = notices.opened(told_of.a_plan_of(29), [Channel.SLACK])
    assert "drain-spot begins on aks-spot-1-vmss/29" == notice.title
    assert {
        "Rule": "drain-spot",
        "Target": "aks-spot-1-vmss/29",
        "Resource group": "train",
        "Event": "vm.preempt, e-29",
        "Steps": "cordon, drain",
        "Deadline": "2030-01-01 03:00:30 UTC",
        "Plan": told_of.a_plan_of(29).id,
    } == dict(notice.facts)
    assert (Channel.SLACK,) == notice.channels


@pytest.mark.parametrize(
    ("outcome", "after_s", "in_time", "is_good"),
    [
        (PlanOutcome.DONE, 25.8, "4.2 s before the deadline", True),
        (PlanOutcome.DONE, 33.1, "too late by 3.1 s", False),
        (PlanOutcome.DONE, 30.0, "0.0 s before the deadline", True),
        (PlanOutcome.FAILED, 25.8, "4.2 s before the deadline", False),
        (PlanOutcome.UNKNOWN, 25.8, "4.2 s before the deadline", False),
        (PlanOutcome.PARTIAL, 900.0, "too late by 14 min", False),
        (PlanOutcome.WITHDRAWN, 25.8, "4.2 s before the deadline", None),
    ],
)
def test_the_end_of_a_plan_tells_the_truth_about_the_deadline(
    outcome, after_s, in_time, is_good
):
    """Done but too late is no good news, and nobody is told that it was."""
    plan = told_of.ended(told_of.a_plan_of(1), outcome, after_s=after_s)
    notice = notices.closed(plan, EVERYWHERE)
    assert in_time == dict(notice.facts)["In time"]
    assert notice.title.endswith(in_time)
    assert is_good is notice.is_good
    assert str(outcome) == dict(notice.facts)["Outcome"]


def test_a_plan_without_a_deadline_says_nothing_of_time():
    """An empty fact is not shown at all."""
    plan = told_of.ended(told_of.a_plan_of(1, deadline=None), PlanOutcome.DONE)
    assert "In time" not in dict(notices.closed(plan, EVERYWHERE).facts)
    assert notices.closed(plan, EVERYWHERE).is_good is True


def test_steps_say_how_each_ended_and_why():
    """What did not begin is not said to have failed."""
    step = Step(Verb.SNAPSHOT, make.VM)
    plan = told_of.with_records(
        told_of.a_plan_of(1, outcome=PlanOutcome.PARTIAL, closed_at=make.NOW),
        StepRecord(step, StepOutcome.DONE),
        StepRecord(step, StepOutcome.DONE),
        StepRecord(Step(Verb.DRAIN, make.VM), StepOutcome.FAILED, "timed_out"),
        StepRecord(Step(Verb.REDEPLOY, make.VM)),
    )
    said = dict(notices.closed(plan, EVERYWHERE).facts)["Steps"]
    assert "2 x snapshot done, drain failed (timed_out), redeploy not begun" == said


def test_a_question_says_what_follows_from_each_answer():
    """Who may answer, until when, and what silence means."""
    notice = notices.asked(
        told_of.an_approval(kind=ApprovalKind.FOUR_EYES, if_expired=Verb.CORDON)
    )
    facts = dict(notice.facts)
    assert "somebody else than who asked" == facts["Needs"]
    assert "2030-01-01 04:00:00 UTC" == facts["Answer by"]
    assert "cordon only" == facts["Without an answer"]
    assert told_of.an_approval().id == notice.approval_id
    assert "2 people" == dict(notices.asked(told_of.an_approval(quorum=2)).facts)["Needs"]


@pytest.mark.parametrize(
    ("fields", "is_enough"),
    [
        ({}, True),
        ({"is_destructive": True}, False),
        ({"kind": ApprovalKind.FOUR_EYES}, False),
    ],
)
def test_a_chat_is_enough_only_where_nothing_is_taken_away(fields, is_enough):
    """Slack vouches for a name; only Entra's word counts for what destroys."""
    assert is_enough is notices.asked(told_of.an_approval(**fields)).is_chat_enough


def test_an_answer_names_who_gave_it():
    """A yes without a name is nobody's."""
    approval = told_of.an_approval()
    notice = notices.decided(told_of.answered(approval, is_yes=True, reason="go on"))
    assert ("ada (page)", "go on") == (
        dict(notice.facts)["Allowed"],
        dict(notice.facts)["Reason"],
    )
    assert notice.title.endswith("was allowed")
    no = notices.decided(told_of.answered(approval, is_yes=False))
    assert "ada (page)" == dict(no.facts)["Refused"]
    assert no.title.endswith("was refused")


@pytest.mark.parametrize(
    ("channel", "is_verified", "said"),
    [
        ("page", True, "ada (page)"),
        ("api", False, "ada (api, self-declared)"),
        ("slack", False, "ada (slack)"),
    ],
)
def test_a_name_that_nobody_vouches_for_is_said_to_be_so(channel, is_verified, said):
    """Whoever has a signed link may call themselves what they like."""
    approval = told_of.answered(told_of.an_approval(), is_yes=True)
    [voice] = approval.voices
    voice = replace(voice, channel=channel, is_verified=is_verified)
    facts = dict(notices.decided(replace(approval, voices=(voice,))).facts)
    assert said == facts["Allowed"]


def test_a_breaker_that_opens_twice_is_told_twice_and_one_opening_once():
    """The key alone would silence every later storm."""

    def say(at):
        return notices.tripped("breaker|pool|a", "9 failed", at=at, channels=EVERYWHERE)

    assert say(make.NOW).id == say(make.NOW).id
    assert say(make.NOW).id != say(make.NOW + make.HOUR).id


def test_the_same_thing_is_the_same_notice_and_another_is_another():
    """A redelivery that tells it again must not be a second message."""
    ids = [one.id for one in every_kind()]
    assert ids == [one.id for one in every_kind()]
    assert len(ids) == len(set(ids))
    assert told_of.a_story(1)[0].id != told_of.a_story(2)[0].id


def test_settings_of_a_question_are_not_told():
    """They may hold anything; the page shows them to whom may see."""
    shown = notice_to_json(notices.asked(told_of.an_approval()))
    assert "never shown" not in str(shown)


@given(st.one_of(st.just(HOSTILE), st.just("😀" * 5000), st.text(max_size=900)))
def test_no_text_from_outside_breaks_out_of_its_line(text):
    """One line each, of bounded length, with nothing that cannot be seen."""
    for notice in every_kind(text):
        assert len(notice.title) <= notices.TITLE_LIMIT
        assert len(notice.facts) <= notices.MOST_FACTS
        for part in (notice.title, *(word for fact in notice.facts for word in fact)):
            assert len(part) <= notices.FACT_LIMIT
            assert part == wording.line(part, notices.FACT_LIMIT)
            assert part.isprintable()


@pytest.mark.parametrize("number", range(len(NoticeKind)))
def test_a_notice_is_read_back_as_it_was_written(number):
    """What waits for hours in a row is what is sent in the end."""
    notice = every_kind(HOSTILE)[number]
    assert notice == notice_of(notice_to_json(notice))


@pytest.mark.parametrize("change", [{"kind": "sung"}, {"at": "soon"}, {"facts": [1]}])
def test_a_notice_of_a_newer_release_is_an_error_of_ours(change):
    """It is left where it is, not sent half."""
    with pytest.raises(InvalidTarget, match="cannot be read"):
        notice_of({**notice_to_json(told_of.a_story(1)[0]), **change})


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(seconds=4.2), "4.2 s before the deadline"),
        (timedelta(minutes=14, seconds=50), "15 min before the deadline"),
        (timedelta(hours=30), "30 h before the deadline"),
        (timedelta(days=9), "9 days before the deadline"),
        (timedelta(seconds=-0.04), "too late by 0.0 s"),
        (None, ""),
    ],
)
def test_a_margin_is_as_exact_as_it_matters(left, said):
    """Nobody needs the tenth of a second of a day."""
    assert said == wording.margin(left)
