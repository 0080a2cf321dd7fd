"""A click in a chat -> a person's word on a question, and what they and others then read.

Who clicked is taken from the settings by an id that its bearer cannot choose. Slack, and
not Entra, vouches for it: so such a word decides only what needs no sign-in, which is
judged where every word is judged, in ``consenting``.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.approvals import Approval, ApprovalState, Refusal, Refused, Voice
from shared.core.errors import RetryLater
from shared.core.notices import asked
from shared.core.settings import Settings
from shared.engine.consenting import decide
from shared.engine.night import Night
from shared.parsing.slack_reply import SlackRefusal, SlackRefused, SlackReply

CHANNEL = "slack"
SETTLED = frozenset({Refusal.ALREADY_DECIDED, Refusal.APPROVAL_EXPIRED, Refusal.PLAN_CHANGED})
"""Nobody can answer the question any more: its buttons have nothing to say."""


@dataclass(frozen=True, slots=True)
class Replied:
    """What became of a click.

    Attributes:
        refusal: Why nothing was decided, in one word; empty if the word counts.
        said: What to tell whoever clicked.
        title: The question, if its message is to be replaced; else empty.
        person: Who clicked, as the settings know them; empty if they do not.
    """

    refusal: str
    said: str
    title: str = ""
    person: str = ""


def approver(settings: Settings, user: str) -> str:
    """Name the person behind a Slack user id; empty if it is nobody's who may decide."""
    known = dict(pair.split("=", 1) for pair in settings.slack_approvers)
    return known.get(user, "")


async def answer(night: Night, reply: SlackReply) -> Replied:
    """Take a click as a person's word, once.

    Raises:
        RetryLater: Nothing was decided; clicking again is a new try.
    """
    try:
        person = await _person(night, reply)
    except SlackRefused as refused:
        return await _not_heard(night, reply, refused)
    voice = Voice(
        person=person,
        is_yes=reply.is_yes,
        reason="" if reply.is_yes else "said with the button in Slack",
        channel=CHANNEL,
        at=night.ports.clock.now(),
        is_verified=False,
    )
    try:
        decided = await decide(night, reply.approval_id, voice)
    except Refused as refused:
        return await _refused(night, reply, refused, person)
    except RetryLater:
        await night.ports.notices.give_back(reply.once)
        raise
    return _decided(decided, person)


async def _person(night: Night, reply: SlackReply) -> str:
    """Find out who clicked, and keep the same click from being heard again."""
    person = approver(night.settings, reply.user)
    if not person:
        raise SlackRefused(
            SlackRefusal.UNKNOWN_USER,
            f"the Slack user {reply.user[:40]} may not decide: "
            "NIGHTSHIFT_SLACK_APPROVERS does not name them",
        )
    if not await night.ports.notices.use_once(reply.once, at=night.ports.clock.now()):
        raise SlackRefused(
            SlackRefusal.REPLAYED,
            "this button was pressed by the same person before; that answer stands",
        )
    return person


async def _not_heard(night: Night, reply: SlackReply, refused: SlackRefused) -> Replied:
    """Say why; who pressed before and got no answer sees by now what became of it."""
    if refused.refusal is SlackRefusal.REPLAYED:
        found = await night.ports.approvals.find(reply.approval_id)
        if found is not None and found.verdict:
            return Replied(refused.refusal, found.verdict, asked(found).title)
    return Replied(refused.refusal, str(refused))


async def _refused(night: Night, reply: SlackReply, refused: Refused, person: str) -> Replied:
    found = None
    if refused.refusal in SETTLED:
        found = await night.ports.approvals.find(reply.approval_id)
    title = asked(found).title if found else ""
    return Replied(refused.refusal, str(refused), title, person)


def _decided(approval: Approval, person: str) -> Replied:
    if approval.state is ApprovalState.PENDING:
        missing = approval.quorum - approval.yes_so_far
        return Replied("", f"noted; {missing} more must say yes", person=person)
    return Replied("", approval.verdict, asked(approval).title, person)
