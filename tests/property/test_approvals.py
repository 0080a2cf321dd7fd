"""Laws of a question: it closes once and for good, whoever says whatever, whenever."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.core.approvals import Approval, ApprovalState, Refused
from shared.core.approvals_json import approval_from_json, approval_to_json
from shared.core.deciding import decide, settle, use, void
from shared.core.terms import ApprovalKind
from tests.asking import HARMLESS, ask_about, no, person, typed, yes
from tests.builders import MINUTE, NOW

PEOPLE = ("ada", "bob", "eve")
CLOSED = {
    ApprovalState.REJECTED,
    ApprovalState.EXPIRED,
    ApprovalState.USED,
    ApprovalState.VOID,
}
FOLLOWS = {
    ApprovalState.PENDING: {
        ApprovalState.APPROVED,
        ApprovalState.REJECTED,
        ApprovalState.EXPIRED,
        ApprovalState.VOID,
    },
    ApprovalState.APPROVED: {ApprovalState.USED, ApprovalState.VOID},
}
questions = st.builds(
    lambda kind, requester, is_harmless: ask_about(
        *(HARMLESS if is_harmless else ()),
        kind=kind,
        **({"requester": person(requester)} if requester else {}),
    ),
    st.sampled_from([ApprovalKind.REQUIRED, ApprovalKind.FOUR_EYES]),
    st.sampled_from(["", *PEOPLE]),
    st.booleans(),
)
voices = st.builds(
    lambda how, name: how(name), st.sampled_from([yes, no, typed]), st.sampled_from(PEOPLE)
)
moves = st.lists(
    st.tuples(st.sampled_from(["say", "wait", "use", "void"]), voices, st.integers(0, 70)),
    max_size=12,
)


def told(approval: Approval, move, now) -> tuple[Approval, object]:
    """Let one thing happen; a refusal changes nothing."""
    what, voice, minutes = move
    if what == "wait":
        now += minutes * MINUTE
        return settle(approval, now), now
    with suppress(Refused):
        if what == "say":
            approval = decide(approval, replace(voice, at=now), now)
        elif what == "use":
            approval = use(approval)
        else:
            approval = void(approval)
    return approval, now


@given(questions, moves)
def test_a_closed_question_never_changes_and_an_open_one_only_goes_on(asked, story):
    """Pending to decided, approved to used or void; nothing ever comes back."""
    approval, now = asked, NOW
    for move in story:
        before = approval
        approval, now = told(approval, move, now)
        if before.state in CLOSED:
            assert before == approval
        elif before.state is not approval.state:
            assert approval.state in FOLLOWS[before.state]
        assert approval == approval_from_json(approval_to_json(approval))


@given(questions, moves)
def test_nothing_is_approved_without_the_people_it_takes(asked, story):
    """As many different people as the quorum says, none of them the requester, in time."""
    approval, now = asked, NOW
    for move in story:
        approval, now = told(approval, move, now)
    if approval.state not in {ApprovalState.APPROVED, ApprovalState.USED}:
        return
    names = [voice.person for voice in approval.voices]
    assert all(voice.is_yes for voice in approval.voices)
    assert len(set(names)) == len(names) == approval.quorum
    assert all(voice.at < approval.expires_at for voice in approval.voices)
    if approval.needs_sign_in:
        assert all(voice.is_verified for voice in approval.voices)
    if approval.kind is ApprovalKind.FOUR_EYES:
        eyes = {voice.subject for voice in approval.voices} | {approval.requester_subject}
        assert len(eyes - {""}) == 2
        assert approval.requester not in names


@given(questions, moves)
def test_time_alone_never_makes_a_yes(asked, story):
    """Whoever waits gets an expiry, and expiry does nothing."""
    waits = [("wait", voice, minutes) for _, voice, minutes in story]
    approval, now = asked, NOW
    for move in waits:
        approval, now = told(approval, move, now)
    assert approval.state in {ApprovalState.PENDING, ApprovalState.EXPIRED}
