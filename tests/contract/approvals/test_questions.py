"""Questions as they are stored: asked once, decided once, never forgotten while open."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_approvals import YOUNG, TableApprovals
from shared.core.approvals import ApprovalState, Refused
from shared.core.deciding import decide, settle, use, void
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.terms import ApprovalKind, Channel
from shared.ports import Approvals
from tests.asking import HARMLESS, ask_about, no, person, typed, yes
from tests.builders import HOUR, MINUTE, NOW
from tests.fakes.approvals import FakeApprovals
from tests.fakes.ledger import Crash, FakeClock


async def test_nothing_is_asked_at_first(approvals: Approvals):
    """A table that does not exist yet is no error and no question."""
    assert () == await approvals.unsettled()
    assert await approvals.find("0" * 32) is None


async def test_a_question_is_read_back_as_it_was_asked(approvals: Approvals):
    """Every word of it is what a person decides on."""
    odd = replace(
        ask_about(*HARMLESS, event="ü\x1f'", kind=ApprovalKind.FOUR_EYES),
        requester="Grace “Amazing” Hopper",
        channels=(Channel.TEAMS, Channel.SLACK),
        settings={"grace": None, "names": ["a'b", "100 %"]},
        voices=(typed("eve"), no()),
        attempt=3,
        after="an-earlier-rule",
        rung=1,
    )
    for question in (ask_about(), odd, ask_about(event="h-2", requester=person("bob"))):
        assert question == await approvals.ask(question)
        assert question == await approvals.find(question.id)
    assert 3 == len(await approvals.unsettled())


async def test_the_first_question_of_an_id_stands(approvals: Approvals):
    """Asked again by a redelivered event it neither starts anew nor lasts longer."""
    first = await approvals.ask(ask_about())
    again = replace(ask_about(expires=2 * HOUR), requester="eve")
    assert first == await approvals.ask(again)
    decided = await approvals.save(decide(first, no(), NOW))
    assert decided == await approvals.ask(again)


async def test_a_decision_follows_the_version_it_was_made_on(approvals: Approvals):
    """Of two who read the same version the second is told to read again."""
    asked = await approvals.ask(ask_about())
    decided = await approvals.save(decide(asked, yes(), NOW))
    assert ApprovalState.APPROVED == decided.state
    with pytest.raises(StaleFacts):
        await approvals.save(decide(asked, no("eve"), NOW))
    assert decided == await approvals.find(asked.id)
    used = await approvals.save(use(decided))
    assert used == await approvals.find(asked.id)


async def test_what_was_never_read_is_never_replaced(approvals: Approvals):
    """A question made up by a caller has no version, so it replaces nothing."""
    await approvals.ask(ask_about())
    for made_up in (ask_about(), ask_about(event="never asked")):
        with pytest.raises(StaleFacts):
            await approvals.save(void(made_up))


async def test_of_fifty_who_click_at_once_one_decides(approvals: Approvals):
    """The others read who did; nobody's answer is an error of the store."""
    asked = await approvals.ask(ask_about())

    async def click(number: int) -> str:
        voice = yes(f"person-{number}") if number % 2 else no(f"person-{number}")
        while True:
            found = await approvals.find(asked.id)
            assert found is not None
            try:
                await approvals.save(decide(found, voice, NOW))
            except StaleFacts:
                continue
            except Refused as refused:
                return refused.refusal
            return "decided"

    said = await asyncio.gather(*(click(number) for number in range(50)))
    assert {"decided": 1, "already_decided": 49} == {
        word: said.count(word) for word in set(said)
    }
    kept = await approvals.find(asked.id)
    assert kept is not None
    assert 1 == len(kept.voices)


async def test_the_unsettled_are_listed_oldest_first_until_nothing_is_left_to_do(
    approvals: Approvals,
):
    """A yes until it is used; a no and an end without answer until the engine was told."""
    late = await approvals.ask(ask_about(event="late"))
    early = await approvals.ask(ask_about(event="early", asked_at=NOW - HOUR))
    assert [early, late] == list(await approvals.unsettled())

    allowed = await approvals.save(decide(late, yes(), NOW))
    expired = await approvals.save(settle(early, NOW + HOUR))
    assert [expired, allowed] == list(await approvals.unsettled())

    await approvals.save(replace(expired, told_at=NOW + HOUR, told=1))
    told = await approvals.save(replace(allowed, told_at=NOW, told=1))
    assert [told] == list(await approvals.unsettled())
    await approvals.save(use(told))
    assert () == await approvals.unsettled()


async def test_the_questions_about_one_plan_are_found_among_many(approvals: Approvals):
    """A storm asks a thousand times: each time only its own plan's questions are read."""
    for number in range(5):
        await approvals.ask(ask_about(event=f"e-{number}"))
    old = await approvals.find(ask_about(event="e-3").id)
    assert old is not None
    changed = await approvals.ask(ask_about(event="e-3", plan_hash="f" * 64))
    assert {old.id, changed.id} == {one.id for one in await approvals.about(old.plan_id)}
    await approvals.save(void(old))
    assert (changed,) == await approvals.about(old.plan_id)
    for odd in ("", "' or PartitionKey ne '", "no such plan"):
        assert () == await approvals.about(odd)


@pytest.mark.parametrize(
    "name", ["", "a/b", "a\\b", "ü", "unsettled", "'", "A" * 32, "0" * 31, "x" * 900]
)
async def test_an_id_that_nobody_gave_is_simply_not_there(approvals: Approvals, name: str):
    """Ids come from URLs: nothing in one may lead to another row, or to an error."""
    await approvals.ask(ask_about())
    assert await approvals.find(name) is None


def test_a_crash_leaves_an_entry_too_many_and_never_one_too_few():
    """The fake dies where the table could: what is asked is listed in any case."""
    for where in ("after list", "after ask", "after save_approval"):
        fake = FakeApprovals()

        async def story(store: FakeApprovals) -> None:
            asked = await store.ask(ask_about())
            await store.save(void(asked))

        def trap(at: str, here: str = where) -> None:
            if at == here:
                raise Crash(at)

        fake.trap = trap
        with pytest.raises(Crash):
            asyncio.run(story(fake))
        assert fake.listed == {ask_about().id}, where


@pytest.fixture
def table(storage: Storage, clock: FakeClock) -> TableApprovals:
    """A table of its own."""
    return TableApprovals(storage, clock, f"T{uuid.uuid4().hex[:16]}")


async def entries(table: TableApprovals) -> list[str]:
    """Read the ids that the index names."""
    where = "PartitionKey eq @partition"
    found = await table._store.query("Approvals", where, {"partition": "unsettled"})
    return [str(one.row["RowKey"]) for one in found]


async def test_an_entry_of_a_question_never_stored_goes_once_it_is_old(
    table: TableApprovals, clock: FakeClock
):
    """Before that it may be of one that is just being written."""
    asked = await table.ask(ask_about())
    await table._store.drop("Approvals", (asked.id, "question"))
    assert () == await table.unsettled()
    assert [asked.id] == await entries(table)
    clock.move(YOUNG + MINUTE)
    assert () == await table.unsettled()
    assert [] == await entries(table)


async def test_an_entry_that_outlived_its_question_is_tidied(table: TableApprovals):
    """The process died between the two writes: the next look puts it right."""
    asked = await table.ask(ask_about())
    await table.save(void(asked))
    entry = {"PartitionKey": "unsettled", "RowKey": asked.id, "at": "2030-01-01T03:00:00Z"}
    await table._store.put("Approvals", entry)
    assert () == await table.unsettled()
    assert [] == await entries(table)


async def test_a_row_that_is_no_question_is_an_error_and_no_yes(table: TableApprovals):
    """A newer release may have written it: not knowing is not being allowed."""
    row = {"PartitionKey": "a" * 32, "RowKey": "question", "doc0": '{"state": "blessed"}'}
    await table._store.insert("Approvals", row)
    with pytest.raises(InvalidTarget, match="is no approval"):
        await table.find("a" * 32)
    entry = {"PartitionKey": "unsettled", "RowKey": "a" * 32, "at": "2030-01-01T03:00:00Z"}
    await table._store.put("Approvals", entry)
    asked = await table.ask(ask_about())
    assert (asked,) == await table.unsettled(), "it hides none of the others"
    assert {asked.id, "a" * 32} == set(await entries(table)), "nor is it thrown away"
