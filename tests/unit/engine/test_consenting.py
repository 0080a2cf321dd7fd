"""Asking people and hearing them: once, told to the engine, whatever dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.approvals import Approval, ApprovalState, Refusal, Refused
from shared.core.deciding import STRANDED, YES_STANDS, use
from shared.core.terms import ApprovalKind, Channel
from shared.engine import consenting
from tests.asking import ask_about, no, person, yes
from tests.builders import HOUR, MINUTE, NOW
from tests.fakes.approvals import FakeApprovals
from tests.fakes.ledger import Crash
from tests.fakes.notices import FakeNotices
from tests.shift import Shift


class Office:
    """A night with people in it."""

    def __init__(self) -> None:
        self.shift = Shift.begin()
        self.approvals = FakeApprovals(self.shift.pass_by)
        self.posted = FakeNotices(self.shift.pass_by)
        ports = replace(self.shift.night.ports, approvals=self.approvals, notices=self.posted)
        self.night = replace(self.shift.night, ports=ports)

    def ask(self, approval: Approval) -> Approval:
        """Put a question."""
        return self.shift.invoke(consenting.ask(self.night, approval))

    def decide(self, voice, question: Approval | None = None) -> Approval:
        """Let somebody answer."""
        name = (question or ask_about()).id
        return self.shift.invoke(consenting.decide(self.night, name, voice))

    def refusal(self, voice, question: Approval | None = None) -> Refusal:
        """Let somebody answer, and return why they were refused."""
        with pytest.raises(Refused) as caught:
            self.decide(voice, question)
        return caught.value.refusal

    def sweep(self) -> int:
        """Let the sweep run."""
        return self.shift.invoke(consenting.sweep_approvals(self.night))

    def now_is(self, question: Approval | None = None) -> Approval:
        """Read a question as it stands."""
        found = asyncio.run(self.approvals.find((question or ask_about()).id))
        assert found is not None
        return found

    @property
    def wakes(self) -> list[tuple[str, int]]:
        """What the engine was told, and at which hearing."""
        waiting = self.shift.world.queue.waiting
        return [(w.message["because"], w.message["attempt"]) for w in waiting]

    def recorded(self, event: str) -> list[str]:
        """Phases and words that were recorded."""
        found = self.shift.records(event)
        return sorted(f"{r.phase} {r.decisions[0]['reason']}" for r in found)

    @property
    def told(self) -> Sequence[str]:
        """Kinds of the messages that people got."""
        return [str(one.kind) for one in self.posted.posted.values()]


@pytest.fixture
def office() -> Office:
    """Nobody has asked anything."""
    return Office()


ASKED = ask_about(channels=(Channel.TEAMS,))


def test_a_question_is_told_recorded_and_stored_once(office: Office):
    """A redelivered event asks the same question, and people get one message."""
    first = office.ask(ASKED)
    office.posted.posted.clear()  # it was sent
    again = office.ask(replace(ASKED, asked_at=NOW + MINUTE))
    assert first == again
    assert [] == office.told
    assert ["fired asked"] == office.recorded(ASKED.id)


def test_a_yes_is_stored_recorded_and_told_to_people_and_to_the_engine(office: Office):
    """The message names the signal to hear again, and why."""
    office.ask(ASKED)
    decided = office.decide(yes(reason="it is quiet"))
    assert ApprovalState.APPROVED == decided.state
    assert ["asked", "decided"] == office.told
    assert [("approved", 1)] == office.wakes
    assert ["fired asked", "fired+1 approved"] == office.recorded(ASKED.id)
    [wake] = office.shift.world.queue.take()
    assert {"signal", "attempt", "because", "rule", "rung"} == set(wake)
    assert ASKED.signal == wake["signal"]
    detail = office.shift.records(ASKED.id)[1].decisions[0]["detail"]
    for word in ("ada@contoso.com said yes by page", "2030-01-01T03:00", "it is quiet"):
        assert word in detail


def test_a_no_is_told_too_so_that_the_next_rule_may_be_asked(office: Office):
    """And leaves the list of what is open."""
    office.ask(ASKED)
    office.decide(no())
    assert [("rejected", 1)] == office.wakes
    assert () == asyncio.run(office.approvals.unsettled())


def test_a_question_of_a_rung_wakes_that_rung(office: Office):
    """A ladder goes on where people were asked."""
    asked = ask_about(rung=2, attempt=4)
    office.ask(asked)
    office.decide(yes(), asked)
    [wake] = office.shift.world.queue.take()
    assert (5, "redeploy-degraded", 2) == (wake["attempt"], wake["rule"], wake["rung"])


def test_four_eyes_tell_the_engine_at_the_second_pair(office: Office):
    """Each voice has its own record."""
    asked = ask_about(kind=ApprovalKind.FOUR_EYES)
    office.ask(asked)
    assert ApprovalState.PENDING == office.decide(yes(), asked).state
    assert [] == office.wakes
    assert Refusal.SAME_PERSON == office.refusal(yes(), asked)
    office.decide(yes("bob"), asked)
    assert [("approved", 1)] == office.wakes
    assert ["fired asked", "fired+1 seconded", "fired+2 approved"] == office.recorded(asked.id)


def test_who_comes_second_changes_nothing_and_reads_who_was_first(office: Office):
    """Nor does the same person again, once the engine knows."""
    office.ask(ASKED)
    office.decide(yes())
    for voice in (no("eve"), yes("eve"), yes(), no()):
        assert Refusal.ALREADY_DECIDED == office.refusal(voice)
    assert [("approved", 1)] == office.wakes


def test_of_fifty_clicks_at_once_one_decides(office: Office):
    """One yes, one wake, one message; the others read who it was."""
    office.ask(ASKED)

    async def click(number: int) -> str:
        try:
            await consenting.decide(office.night, ASKED.id, yes(f"person-{number}"))
        except Refused as refused:
            return refused.refusal
        return "decided"

    async def crowd() -> list[str]:
        return list(await asyncio.gather(*(click(n) for n in range(50))))

    said = office.shift.invoke(crowd())
    assert (1, 49) == (said.count("decided"), said.count("already_decided"))
    assert [("approved", 1)] == office.wakes
    assert ["asked", "decided"] == office.told


def test_an_id_that_nobody_gave_is_refused(office: Office):
    """And nothing is stored for it."""
    office.ask(ASKED)
    assert Refusal.UNKNOWN_APPROVAL == office.refusal(yes(), ask_about(event="other"))
    assert 1 == len(office.approvals.rows)


def test_a_plan_that_changed_takes_its_old_question_back(office: Office):
    """Whoever clicks the old link learns it; the new question waits for its own yes."""
    old = office.ask(ASKED)
    changed = ask_about(plan_hash="f" * 64)
    assert old.plan_id == changed.plan_id
    office.ask(changed)
    assert ApprovalState.VOID == office.now_is(old).state
    assert Refusal.PLAN_CHANGED == office.refusal(yes(), old)
    assert [changed.id] == [one.id for one in asyncio.run(office.approvals.unsettled())]
    assert [] == office.wakes


def test_a_yes_to_the_plan_as_it_was_is_taken_back_with_it(office: Office):
    """Approved and then changed: the yes is for nothing that exists."""
    old = office.ask(ASKED)
    office.decide(yes())
    office.ask(ask_about(plan_hash="f" * 64))
    assert ApprovalState.VOID == office.now_is(old).state


def test_what_nobody_answers_expires_and_the_engine_is_told_once(office: Office):
    """It does nothing, or the rule's safe step; that is the engine's."""
    office.ask(ASKED)
    assert 0 == office.sweep()
    office.shift.move(HOUR)
    assert 1 == office.sweep()
    assert ["asked", "expired"] == office.told
    assert [("expired", 1)] == office.wakes
    assert ["fired asked", "resolved expired"] == office.recorded(ASKED.id)
    assert Refusal.APPROVAL_EXPIRED == office.refusal(yes())
    office.shift.move(HOUR)
    assert 0 == office.sweep()


def test_a_yes_that_is_not_used_is_told_again_and_ends_by_itself(office: Office):
    """A wake message may be lost; and a yes of yesterday is none."""
    office.ask(ASKED)
    office.decide(yes())
    office.shift.move(STRANDED)
    assert (1, 0) == (office.sweep(), office.sweep())
    assert [("approved", 1), ("approved", 2)] == office.wakes
    office.shift.move(YES_STANDS)
    office.sweep()
    assert ApprovalState.VOID == office.now_is().state
    assert 2 == len(office.wakes)


def test_a_yes_that_was_used_is_told_no_more(office: Office):
    """Its plan has the floor."""
    office.ask(ASKED)
    decided = office.decide(yes())
    asyncio.run(office.approvals.save(use(decided)))
    office.shift.move(HOUR)
    assert 0 == office.sweep()


def the_story(office: Office) -> list[str]:
    """Ask and approve; return every point passed."""
    office.ask(ASKED)
    office.decide(yes())
    return list(office.shift.passed)


POINTS = the_story(Office())


@pytest.mark.parametrize("number", range(1, len(POINTS) + 1))
def test_a_crash_anywhere_loses_neither_question_nor_answer(number: int):
    """Asked again by the redelivered event, clicked again by the person, swept by the tick."""
    office = Office()
    office.shift.die_at.add(number)
    for step in (lambda: office.ask(ASKED), lambda: office.decide(yes())):
        try:
            step()
        except Crash:
            office.shift.move(timedelta(seconds=5))
            try:
                step()
            except Refused as refused:
                assert refused.refusal is Refusal.ALREADY_DECIDED  # noqa: PT017 - or it worked
    office.shift.move(STRANDED)
    if office.now_is().told_at is None:
        office.sweep()
    assert ApprovalState.APPROVED == office.now_is().state
    assert "approved" in {because for because, _ in office.wakes}
    assert ["asked", "decided"] == office.told
    assert ["fired asked", "fired+1 approved"] == office.recorded(ASKED.id)


def test_the_same_word_again_tells_what_somebody_died_before_telling(office: Office):
    """The person who got no answer clicks again a minute later."""
    office.ask(ASKED)
    office.shift.die_at.add(office.shift.passed.index("after ask") + 3)
    with pytest.raises(Crash):
        office.decide(yes())
    assert [] == office.wakes
    office.shift.move(STRANDED)
    assert Refusal.ALREADY_DECIDED == office.refusal(yes("eve"))
    assert ApprovalState.APPROVED == office.decide(yes()).state
    assert [("approved", 1)] == office.wakes


def test_a_forged_header_is_recorded_with_its_question_once_an_hour(office: Office):
    """An audit asks who tried; a flood must not fill the table."""
    office.ask(ask_about(requester=person("bob")))

    def forge(name: str) -> None:
        office.shift.invoke(consenting.record_forged(office.night, name, "root@evil"))

    for _ in range(3):
        forge(ask_about().id)
    forge("f" * 32)
    assert ["failed+header_not_believed-20300101T03 header_not_believed", "fired asked"] == (
        office.recorded(ask_about().id)
    )
    [other] = office.shift.records("approvals")
    assert "root@evil" in other.decisions[0]["detail"]
    office.shift.move(HOUR)
    forge(ask_about().id)
    assert 3 == len(office.recorded(ask_about().id))
