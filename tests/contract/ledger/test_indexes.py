"""How plans are found again: the sweep's index, and lists for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.core import ledger as laws
from shared.core.errors import InvalidTarget
from shared.core.plans import Plan
from shared.ports import Ledger
from tests.contract.ledger.conftest import Build, closed, opened
from tests.fakes.ledger import FakeClock


async def ids(ledger: Ledger) -> list[str]:
    """What the sweep sees."""
    return [one async for one in ledger.open_plans()]


async def pages(ledger: Ledger, state: str, limit: int) -> list[list[Plan]]:
    """Read a list to its end."""
    read, after = [], ""
    while not read or after:
        page = await ledger.list_plans(state=state, limit=limit, after=after)
        read.append(list(page.plans))
        after = page.next
    return read


async def test_the_sweep_sees_open_plans_oldest_first(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Who has waited longest is resumed first; closed ones cost it nothing."""
    plans = []
    for _ in range(5):
        clock.move(timedelta(seconds=1))
        plans.append(await opened(ledger, build()))
    await ledger.save(plans[2], laws.close(plans[2].plan, now=clock.now()))
    assert [p.plan.id for i, p in enumerate(plans) if i != 2] == await ids(ledger)


async def test_tidying_leaves_an_open_plan_alone(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """However old it is: an open plan must stay in the sweep's sight."""
    stored = await opened(ledger, build())
    clock.move(timedelta(days=30))
    await ledger.tidy(stored.plan.id)
    assert [stored.plan.id] == await ids(ledger)


async def test_tidying_a_closed_or_unknown_plan_is_no_error(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Two sweeps may tidy the same plan."""
    stored = await closed(ledger, build(), clock)
    for _ in range(2):
        await ledger.tidy(stored.plan.id)
        await ledger.tidy(build().id)
    assert [] == await ids(ledger)
    listed = await ledger.list_plans(state="closed", limit=9, after="")
    assert (stored.plan,) == listed.plans


async def test_an_empty_ledger_lists_nothing(ledger: Ledger):
    """The first person to look finds an empty list and no error."""
    for state in ("open", "closed", ""):
        page = await ledger.list_plans(state=state, limit=10, after="")
        assert ((), "") == (page.plans, page.next)


@pytest.mark.parametrize("limit", [1, 3, 6, 7, 200])
async def test_closed_plans_are_listed_newest_first_page_by_page(
    ledger: Ledger, build: Build, clock: FakeClock, limit: int
):
    """Over the days, none twice, none left out, and no empty last page."""
    plans = []
    for _ in range(6):
        clock.move(timedelta(hours=10))
        plans.append((await closed(ledger, build(), clock)).plan)
    read = await pages(ledger, "closed", limit)
    assert plans[::-1] == [plan for page in read for plan in page]
    assert [] == [page for page in read[:-1] if len(page) != limit]
    assert read[-1]


@pytest.mark.parametrize("limit", [1, 2, 5, 8, 200])
async def test_open_plans_come_before_closed_ones(
    ledger: Ledger, build: Build, clock: FakeClock, limit: int
):
    """What is going on now is what a person looks for first."""
    done, going = [], []
    for _ in range(4):
        clock.move(timedelta(minutes=1))
        going.append((await opened(ledger, build())).plan)
        done.append((await closed(ledger, build(), clock)).plan)
    read = await pages(ledger, "", limit)
    assert going[::-1] + done[::-1] == [plan for page in read for plan in page]
    assert [going[::-1]] == await pages(ledger, "open", 200)
    assert [done[::-1]] == await pages(ledger, "closed", 200)


async def test_plans_closed_at_the_same_moment_are_all_listed(
    ledger: Ledger, build: Build, clock: FakeClock
):
    """Twenty close in one tick: more than are read at once, and nothing to order them."""
    plans = [(await closed(ledger, build(), clock)).plan for _ in range(20)]
    read = [plan.id for page in await pages(ledger, "closed", 7) for plan in page]
    assert sorted(plan.id for plan in plans) == sorted(read)


async def test_the_list_reaches_back_a_month(ledger: Ledger, build: Build):
    """Older plans are found by id; looking for them day by day would never end."""
    clock = ledger_clock(ledger)
    clock.at = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)
    await closed(ledger, build(), clock)
    clock.at = datetime(2026, 10, 31, 12, tzinfo=UTC)
    seen = (await closed(ledger, build(), clock)).plan
    clock.at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert (seen,) == (await ledger.list_plans(state="closed", limit=9, after="")).plans


def ledger_clock(ledger) -> FakeClock:
    """The clock that a ledger reads."""
    return ledger.clock if hasattr(ledger, "clock") else ledger._clock


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"state": "ajar"}, "state is 'ajar'"),
        ({"limit": 0}, "limit is 0: it may be 1 to 200"),
        ({"limit": 201}, "limit is 201: it may be 1 to 200"),
        ({"limit": -1}, "limit is -1: it may be 1 to 200"),
        ({"after": "nonsense"}, "`after` is not a place"),
        ({"after": "\ud800é"}, "`after` is not a place"),
        ({"after": "WzEsMiwzXQ=="}, "`after` is not a place"),
        ({"after": "WyJjbG9zZWQiLCAiOTk5OTk5OTkiLCAiYSJd"}, "`after` is not a place"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(ledger: Ledger, question, answer):
    """A person gets told what may be asked; the list's place is from an address, too."""
    with pytest.raises(InvalidTarget, match=answer):
        await ledger.list_plans(**{"state": "", "limit": 10, "after": "", **question})
