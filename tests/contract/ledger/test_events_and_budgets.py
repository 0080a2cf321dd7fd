"""Records of events, and budgets: what both ledgers promise."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import InvalidTarget, Throttled
from shared.ports import EventRecord, Ledger
from tests.contract.ledger.conftest import NOW, VM

RECORD = EventRecord(
    event_id="602d9444-d2cd-49c7-8624-8643e7171297",
    phase="scheduled",
    target=f"{VM}1",
    recorded_at=NOW,
    signal={"type": "vm.preempt", "attributes": {"tags": {"a": "b"}}},
    decisions=({"rule": "drain", "kind": "act", "steps": [{"verb": "cordon"}]},),
)


async def test_a_record_is_stored_once(ledger: Ledger):
    """A redelivery must not rewrite what was decided at first."""
    assert await ledger.record_event(RECORD)
    assert not await ledger.record_event(replace(RECORD, decisions=()))
    assert (RECORD,) == await ledger.find_event(RECORD.event_id)


async def test_of_twenty_records_at_once_one_is_stored(ledger: Ledger):
    """Exactly one of many deliveries is told that it was the first."""
    answers = await asyncio.gather(*(ledger.record_event(RECORD) for _ in range(20)))
    assert 1 == sum(answers)


async def test_each_phase_and_target_has_its_record_oldest_first(ledger: Ledger):
    """A notice about two machines, then its withdrawal: one event, four records."""
    records = [
        replace(
            RECORD,
            phase=phase,
            target=f"{VM}{machine}",
            recorded_at=NOW + timedelta(seconds=10 * step - machine),
        )
        for step, phase in enumerate(("scheduled", "canceled"))
        for machine in (1, 2)
    ]
    for record in records:
        assert await ledger.record_event(record)
    expected = sorted(records, key=lambda record: record.recorded_at)
    assert expected == list(await ledger.find_event(RECORD.event_id.upper()))


async def test_an_unknown_event_has_no_records(ledger: Ledger):
    """Nobody heard of it: an empty answer, not an error."""
    assert () == await ledger.find_event("never seen")


@pytest.mark.parametrize(
    "odd", ["", "a/b\\c#d?e", "it's", "x" * 3000, "Zürich \U0001f680", "\ud800", "\x00\x1f"]
)
async def test_an_event_may_be_called_anything(ledger: Ledger, odd: str):
    """Its id is the sender's choice; keys of rows are not so free."""
    record = replace(RECORD, event_id=odd, target=odd.strip("\x00\x1f\ud800"), phase=odd[:40])
    assert await ledger.record_event(record)
    assert (record,) == await ledger.find_event(odd)


async def test_a_record_too_large_for_a_row_says_so(ledger: Ledger):
    """The caller must know, to keep it elsewhere."""
    with pytest.raises(InvalidTarget, match="the record of event 602d9444"):
        await ledger.record_event(replace(RECORD, signal={"text": "x" * 600_000}))


async def spend(ledger: Ledger, key: str, token: str, limit: int) -> bool:
    """Spend as the engine does: again when told to wait."""
    while True:
        try:
            return await ledger.spend(key, token, limit)
        except Throttled:
            await asyncio.sleep(0.05)


async def test_a_budget_is_spent_to_its_limit(ledger: Ledger):
    """A task is reactivated as often as allowed and not once more."""
    answers = [await ledger.spend("task", f"t{n}", 2) for n in range(4)]
    assert [True, True, False, False] == answers
    assert {"task": 2, "other": 0} == dict(await ledger.spent(["task", "other", "task"]))


async def test_a_token_spends_once(ledger: Ledger):
    """A step that is tried again after a crash does not use up the budget."""
    answers = [await ledger.spend("task", "step", 1) for _ in range(3)]
    assert [True, True, True] == answers
    assert not await ledger.spend("task", "another", 1)
    assert await ledger.spend("task", "step", 1)
    assert {"task": 1} == dict(await ledger.spent(["task"]))


async def test_fifty_at_once_spend_exactly_the_limit(ledger: Ledger):
    """Neither one too many, which acts too often, nor one lost."""
    answers = await asyncio.gather(*(spend(ledger, "task", f"t{n}", 20) for n in range(50)))
    assert 20 == sum(answers)
    assert {"task": 20} == dict(await ledger.spent(["task"]))


async def test_one_token_fifty_times_at_once_spends_one(ledger: Ledger):
    """Two workers on one step count as one."""
    answers = await asyncio.gather(*(spend(ledger, "task", "step", 1) for _ in range(50)))
    assert [True] * 50 == answers
    assert {"task": 1} == dict(await ledger.spent(["task"]))


async def test_no_budget_allows_nothing(ledger: Ledger):
    """Zero means never, not unlimited."""
    assert not await ledger.spend("task", "step", 0)


@pytest.mark.parametrize("key", ["", "a/b#c?d\\e", "é\U0001f680", "\ud800", "x" * 3000])
async def test_a_budget_may_be_called_anything(ledger: Ledger, key: str):
    """Its key holds a Batch task's id, which is a user's choice."""
    assert await ledger.spend(key, "step", 1)
    assert {key: 1} == dict(await ledger.spent([key]))


async def test_many_budgets_are_read_at_once(ledger: Ledger):
    """A job has many failed tasks; each one's budget is asked for."""
    for number in (0, 17, 39):
        await ledger.spend(f"k{number}", "step", 1)
    counts = await ledger.spent(f"k{n}" for n in range(40))
    assert {f"k{n}": int(n in {0, 17, 39}) for n in range(40)} == dict(counts)
