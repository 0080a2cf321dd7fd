"""A click in Slack as a person's word: whose, once, and only where a chat is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.core.approvals import Approval, ApprovalState, Refusal
from shared.core.errors import ProviderUnavailable, RetryLater
from shared.core.settings import Settings
from shared.core.terms import ApprovalKind
from shared.engine.night import Night
from shared.engine.replying import Replied, answer, approver
from shared.parsing.slack_reply import SlackRefusal, SlackReply, parse_slack_reply
from tests.builders import HOUR, NOW, SECOND
from tests.notices import an_approval
from tests.shift import World, a_night, a_world
from tests.slack_clicks import ADA, EVE, SECRET, a_click

BO = "U0B0B0B0B"
SETTINGS = Settings(
    slack_signing_secret=SECRET,
    slack_approvers=(f"{ADA}=ada@example.com", f"{BO}=bo@example.com=x"),
)


class Office:
    """An engine with one question."""

    def __init__(self, **fields: Any) -> None:
        """Ask it."""
        self.world: World = a_world(NOW, self._pass_by)
        self.night: Night = a_night(self.world, settings=SETTINGS)
        self.errors: dict[str, Exception] = {}
        self.asked: Approval = an_approval(**fields)
        asyncio.run(self.night.ports.approvals.ask(self.asked))

    def _pass_by(self, where: str) -> None:
        error = self.errors.pop(where, None) if hasattr(self, "errors") else None
        if error is not None:
            raise error

    def click(self, user: str = ADA, *, is_yes: bool = True) -> Replied:
        """Let somebody press a button."""
        body = a_click(self.asked.id, user=user, is_yes=is_yes)
        reply = parse_slack_reply(body, SECRET, ("hooks.slack.com",))
        assert isinstance(reply, SlackReply)
        return asyncio.run(answer(self.night, reply))

    @property
    def now(self) -> Approval:
        """The question as it stands."""
        found = asyncio.run(self.night.ports.approvals.find(self.asked.id))
        assert found is not None
        return found


@pytest.fixture
def office() -> Iterator[Office]:
    """An engine with a question that takes nothing away."""
    return Office()


def test_a_yes_decides_and_says_by_whom(office: Office):
    """The message then shows who, and has no buttons."""
    replied = office.click()
    assert ApprovalState.APPROVED is office.now.state
    [voice] = office.now.voices
    assert ("ada@example.com", "slack", False) == (
        voice.person,
        voice.channel,
        voice.is_verified,
    )
    assert "" == replied.refusal
    assert "ada@example.com" in replied.said
    assert "May cordon-first act on aks-spot-1-vmss/1?" == replied.title


def test_a_no_decides_too_and_says_where_it_was_said(office: Office):
    """A no needs a reason; a button has no room for one, and says so."""
    replied = office.click(is_yes=False)
    assert ApprovalState.REJECTED is office.now.state
    assert "said with the button in Slack" == office.now.voices[0].reason
    assert "rejected by ada@example.com" in replied.said


def test_a_user_whom_the_settings_do_not_name_decides_nothing(office: Office):
    """Being in the channel is no right."""
    replied = office.click(EVE)
    assert SlackRefusal.UNKNOWN_USER == replied.refusal
    assert "" == replied.title
    assert EVE in replied.said
    assert office.asked == replace(office.now, etag="")


def test_a_name_with_an_equals_sign_is_a_whole_name():
    """The id ends at the first one."""
    assert "bo@example.com=x" == approver(SETTINGS, BO)
    assert "" == approver(SETTINGS, "")
    assert "" == approver(Settings(), ADA)


def test_the_same_click_is_heard_once():
    """A recorded request sent again within the five minutes says nothing new."""
    office = Office(quorum=2)
    first = office.click()
    assert "noted; 1 more must say yes" == first.said
    assert "" == first.title, "the buttons stay for the second person"
    again = office.click()
    assert SlackRefusal.REPLAYED == again.refusal
    assert 1 == len(office.now.voices)
    second = office.click(BO)
    assert "" == second.refusal
    assert ApprovalState.APPROVED is office.now.state


def test_a_click_that_is_repeated_after_the_end_shows_how_it_ended(office: Office):
    """The first answer was lost on its way to Slack, perhaps."""
    office.click()
    again = office.click()
    assert SlackRefusal.REPLAYED == again.refusal
    assert "ada@example.com" in again.said
    assert again.title


def test_whoever_comes_second_sees_who_decided(office: Office):
    """And the buttons go."""
    office.click()
    replied = office.click(BO)
    assert Refusal.ALREADY_DECIDED == replied.refusal
    assert "ada@example.com" in replied.said
    assert replied.title


@pytest.mark.parametrize(
    "fields", [{"is_destructive": True}, {"kind": ApprovalKind.FOUR_EYES}]
)
def test_what_needs_a_sign_in_is_not_decided_in_a_chat(fields):
    """Even if somebody makes such a button: Slack's word is not Entra's."""
    office = Office(**fields)
    replied = office.click()
    assert Refusal.NOT_SIGNED_IN == replied.refusal
    assert "" == replied.title
    assert ApprovalState.PENDING is office.now.state


def test_a_question_that_expired_is_not_answered(office: Office):
    """Silence had its meaning; a late yes changes nothing."""
    office.world.clock.move(2 * HOUR)
    replied = office.click()
    assert Refusal.APPROVAL_EXPIRED == replied.refusal
    assert replied.title


def test_a_question_that_does_not_exist_is_said_not_to():
    """It was asked by another deployment, perhaps."""
    office = Office()
    office.world.approvals.rows.clear()
    assert Refusal.UNKNOWN_APPROVAL == office.click().refusal


def test_a_click_that_could_not_be_stored_may_be_repeated(office: Office):
    """The button must not be used up by our own outage."""
    office.errors["before save_approval"] = ProviderUnavailable("saving", after=SECOND)
    with pytest.raises(RetryLater):
        office.click()
    assert ApprovalState.PENDING is office.now.state
    assert "" == office.click().refusal
    assert ApprovalState.APPROVED is office.now.state
