"""Opening, saving and closing plans: what both ledgers promise."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core import ledger as laws
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.plans import PlanOutcome
from shared.ports import Head, Ledger
from tests.contract.ledger.conftest import VM, Build, closed, opened
from tests.fakes.ledger import FakeClock

HALF_MINUTE = timedelta(seconds=30)


async def outcomes(calls) -> tuple[list, list[BaseException]]:
    """Do all at once; return what came back, and what was raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    errors = [one for one in results if isinstance(one, BaseException)]
    return [one for one in results if not isinstance(one, BaseException)], errors


async def test_an_untouched_target_has_an_empty_head(ledger: Ledger, build: Build):
    """The first event about a machine finds nothing, and no error."""
    plan = build()
    view = await ledger.look(plan.target, [plan.id])
    assert (Head(), {}) == (view.head, view.plans)
    assert await ledger.find(plan.id) is None


async def test_an_opened_plan_is_found_as_it_was_written(ledger: Ledger, build: Build):
    """What is carried out after a crash is what was decided before it."""
    plan = build()
    stored = await opened(ledger, plan)
    view = await ledger.look(plan.target.upper(), [plan.id])
    assert plan == view.plans[plan.id].plan
    assert stored.etag == view.plans[plan.id].etag
    found = await ledger.find(plan.id)
    assert stored == found


async def test_opening_takes_the_target(ledger: Ledger, build: Build, clock: FakeClock):
    """The guardrails see at the next look who is on it, and since when."""
    plan = build()
    await opened(ledger, plan)
    head = (await ledger.look(plan.target, [])).head
    assert (plan.id, {"drain": clock.now()}) == (head.in_flight, dict(head.acted))
    assert head.etag


async def test_a_plan_opens_once(ledger: Ledger, build: Build):
    """A redelivered event derives the same id and must not start over."""
    plan = build()
    await opened(ledger, plan)
    with pytest.raises(StaleFacts):
        await ledger.open(plan, Head())
    with pytest.raises(StaleFacts):
        await opened(ledger, plan)


async def test_a_closed_plan_does_not_open_again(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """A closed plan never reopens, whatever is redelivered."""
    plan = build()
    await closed(ledger, plan, clock)
    with pytest.raises(StaleFacts):
        await opened(ledger, plan)


async def test_a_taken_target_is_not_taken_again(ledger: Ledger, build: Build):
    """Two plans on one machine would undo each other's work."""
    await opened(ledger, build(target=VM))
    with pytest.raises(StaleFacts):
        await opened(ledger, build(target=VM))
    with pytest.raises(StaleFacts):
        await ledger.open(build(target=VM), Head())


async def test_of_twenty_plans_on_one_target_one_opens(ledger: Ledger, build: Build):
    """A storm of events about one machine makes one plan at a time."""
    plans = [build(target=VM) for _ in range(20)]
    won, lost = await outcomes(ledger.open(plan, Head()) for plan in plans)
    assert (1, [StaleFacts] * 19) == (len(won), [type(one) for one in lost])
    view = await ledger.look(VM, [plan.id for plan in plans])
    assert [won[0].plan.id] == list(view.plans)
    assert won[0].plan.id == view.head.in_flight


async def test_of_twenty_deliveries_of_one_event_one_opens(ledger: Ledger, build: Build):
    """The same event on twenty instances at once is one plan."""
    plan = build()
    won, lost = await outcomes(ledger.open(plan, Head()) for _ in range(20))
    assert (1, {StaleFacts}) == (len(won), {type(one) for one in lost})


async def test_of_twenty_saves_of_one_version_one_wins(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """A lease is a fence only if every write follows the version it was based on."""
    stored = await opened(ledger, build())
    claims = [
        laws.claim(stored.plan, owner=f"w{n}", now=clock.now(), lease=HALF_MINUTE)
        for n in range(20)
    ]
    won, lost = await outcomes(ledger.save(stored, claim) for claim in claims)
    assert (1, [StaleFacts] * 19) == (len(won), [type(one) for one in lost])
    assert won[0] == await ledger.find(stored.plan.id)


async def test_saves_follow_one_another(ledger: Ledger, build: Build, clock: FakeClock):
    """The version that a save returns is the one the next save needs."""
    stored = await opened(ledger, build())
    for seconds in range(3):
        at = clock.now() + timedelta(seconds=seconds)
        stored = await ledger.save(stored, laws.wait(stored.plan, until=at))
    assert 3 == stored.plan.wake_seq
    assert stored == await ledger.find(stored.plan.id)


async def test_closing_gives_the_target_back(ledger: Ledger, build: Build, clock: FakeClock):
    """The next event may act at once, but sees in the head that somebody just did."""
    first = build(target=VM)
    await closed(ledger, first, clock)
    head = (await ledger.look(VM, [])).head
    assert ("", {"drain": clock.now()}) == (head.in_flight, dict(head.acted))
    clock.move(timedelta(hours=1))
    second = build(target=VM, rule="redeploy")
    await opened(ledger, second)
    head = (await ledger.look(VM, [])).head
    assert second.id == head.in_flight
    assert {"drain": first.created_at, "redeploy": clock.now()} == dict(head.acted)


async def test_a_head_from_before_a_close_is_stale(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Whoever looked before somebody came and went must look again."""
    before = (await ledger.look(VM, [])).head
    await closed(ledger, build(target=VM), clock)
    with pytest.raises(StaleFacts):
        await ledger.open(build(target=VM), before)


async def test_a_worker_that_lost_its_plan_cannot_close_it(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Nor may its failed close give back the target that the other one still works on."""
    stale = await opened(ledger, build(target=VM))
    await ledger.save(stale, laws.wait(stale.plan, until=clock.now()))
    with pytest.raises(StaleFacts):
        await ledger.save(stale, laws.close(stale.plan, now=clock.now()))
    assert stale.plan.id == (await ledger.look(VM, [])).head.in_flight


async def test_a_closed_plan_is_not_written_again(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Even by the one who closed it."""
    stored = await closed(ledger, build(), clock)
    with pytest.raises(StaleFacts):
        await ledger.save(stored, stored.plan)


async def test_a_plan_that_was_never_stored_is_not_saved(ledger: Ledger, build: Build):
    """A save replaces; it does not create."""
    stored = await opened(ledger, build())
    with pytest.raises(StaleFacts):
        await ledger.save(replace(stored, plan=build()), build())


async def test_a_dry_run_takes_no_target(ledger: Ledger, build: Build, clock: FakeClock):
    """Thinking about a machine must not hold up acting on it."""
    plan = replace(build(target=VM), closed_at=clock.now(), outcome=PlanOutcome.DRY_RUN)
    await ledger.open(plan, Head())
    assert Head() == (await ledger.look(VM, [])).head
    assert plan == (await ledger.find(plan.id)).plan
    assert [] == [one async for one in ledger.open_plans()]
    assert (plan,) == (await ledger.list_plans(state="closed", limit=9, after="")).plans


async def test_a_dry_run_is_possible_while_the_target_is_taken(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """A question about a machine may be asked at any time."""
    await opened(ledger, build(target=VM))
    head = (await ledger.look(VM, [])).head
    plan = replace(build(target=VM), closed_at=clock.now(), outcome=PlanOutcome.DRY_RUN)
    await ledger.open(plan, head)
    assert head == (await ledger.look(VM, [])).head


async def test_a_look_names_many_plans_and_only_those_of_the_target(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """More rules than fit in one filter may answer one event; others are not its plans."""
    plans = [build(target=VM) for _ in range(40)]
    for plan in plans[::2]:
        await closed(ledger, plan, clock)
    other = await opened(ledger, build())
    view = await ledger.look(VM, [*(plan.id for plan in plans), other.plan.id, "x'y/z"])
    assert sorted(plan.id for plan in plans[::2]) == sorted(view.plans)
    assert "" == view.head.in_flight


@pytest.mark.parametrize(
    "odd", ["", "x", "../../etc", "a/b?c#d\\e", "'; --", "\ud800", "é" * 9, "0" * 5000]
)
async def test_an_odd_id_names_nothing(ledger: Ledger, odd: str):
    """Ids come from addresses that anybody types: they are not found, and break nothing."""
    assert await ledger.find(odd) is None
    await ledger.tidy(odd)
    assert {} == (await ledger.look(VM, [odd])).plans


async def test_a_plan_whose_id_is_not_of_its_target_is_refused(ledger: Ledger, build: Build):
    """It would be stored where its target's head is not, and take nothing."""
    with pytest.raises(InvalidTarget, match="is not the id of a plan for"):
        await ledger.open(replace(build(), id="0" * 12 + "-" + "0" * 24), Head())


async def test_a_large_plan_comes_back_whole(ledger: Ledger, build: Build, clock: FakeClock):
    """Half a mebibyte of text is more than one property holds; the row has room for it."""
    text = "".join(chr(33 + n % 90) for n in range(490 * 1024)).replace('"', "!")
    text = text.replace("\\", "/")
    stored = await opened(ledger, build(settings={"text": text}))
    saved = await ledger.save(stored, laws.wait(stored.plan, until=clock.now()))
    assert saved.plan == (await ledger.find(stored.plan.id)).plan


async def test_a_plan_that_shrank_leaves_nothing_behind(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """A shorter document must not end in the tail of the longer one before it."""
    stored = await opened(ledger, build(settings={"text": "x" * 100_000}))
    saved = await ledger.save(stored, replace(stored.plan, settings={}))
    assert saved == await ledger.find(stored.plan.id)


@pytest.mark.parametrize("char", ["x", "é", "\U0001f680"])
async def test_a_plan_too_large_for_a_row_says_so(ledger: Ledger, build: Build, char: str):
    """The message names both sizes, counted as the service counts: in UTF-16."""
    units = 2 if char > "\uffff" else 1
    plan = build(settings={"text": char * (520_000 // units)})
    with pytest.raises(InvalidTarget, match=r"takes 10\d\d KiB and a row of the ledger 1004"):
        await ledger.open(plan, Head())
    assert [] == [one async for one in ledger.open_plans()]


@pytest.mark.parametrize(
    "text",
    [
        "Zürich 東京 \U0001f680" * 3,
        "\U0001f680" * 40_000,
        "\ud83d alone",
        "nul \x00 bell \x07 line \u2028 end",
        "'quotes' \"double\" \\back /slash #? %41 $it's",
    ],
    ids=["mixed", "many pairs", "lone surrogate", "controls", "quotes"],
)
async def test_any_text_survives(ledger: Ledger, build: Build, text: str):
    """Events carry what people typed into tags and descriptions."""
    plan = build(
        settings={text[:50]: text}, event=text[:100].encode("utf-8", "replace").decode()
    )
    await opened(ledger, plan)
    assert plan == (await ledger.find(plan.id)).plan


async def test_the_head_remembers_the_fifty_newest_rules(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """A head that only grew would one day not fit in its row."""
    for number in range(53):
        clock.move(timedelta(minutes=1))
        await closed(ledger, build(target=VM, rule=f"rule-{number}"), clock)
    acted = (await ledger.look(VM, [])).head.acted
    assert {f"rule-{n}" for n in range(3, 53)} == set(acted)
