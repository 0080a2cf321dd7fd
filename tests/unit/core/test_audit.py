"""What the audit tells of a plan and of an event: columns, order, ids, limits, no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.core import ledger
from shared.core.audit import AuditRecord, batches, decision_records, plan_records
from shared.core.audit_fields import FIELD_LIMIT, field
from shared.core.audit_tables import TABLES, EventType, Table
from shared.core.decisions import Reason
from shared.core.plans import Plan, StepOutcome
from shared.core.steps import Verb
from tests.builders import NOW, SECOND, a_plan

DONE = ledger.StepResult(StepOutcome.DONE, is_verified=True)
FITS = {
    "string": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int,
    "real": lambda value: type(value) in {int, float},
    "boolean": lambda value: isinstance(value, bool),
    "datetime": lambda value: bool(datetime.fromisoformat(value).tzinfo),
    "dynamic": lambda value: isinstance(value, dict | list),
}


def a_night_of_one_plan() -> Plan:
    """A plan that was cordoned, withdrawn while it drained, and closed."""
    observed = {"observed_at": "2030-01-01T02:59:58Z", "source": "event_grid"}
    signal = {**a_plan().signal, **observed}
    plan = a_plan(Verb.CORDON, Verb.DRAIN, Verb.DEALLOCATE, signal=signal)
    plan = ledger.begin(plan, 0, now=NOW + SECOND)
    plan = ledger.finish(plan, 0, DONE, now=NOW + 2 * SECOND)
    plan = ledger.begin(plan, 1, now=NOW + 3 * SECOND)
    plan = ledger.withdraw(plan, Reason.WITHDRAWN, now=NOW + 4 * SECOND)
    plan = ledger.finish(plan, 1, DONE, now=NOW + 5 * SECOND)
    return ledger.close(plan, now=NOW + 6 * SECOND)


def some_decisions(*decisions: dict, **fields) -> tuple[AuditRecord, ...]:
    """Records of one event about one machine."""
    values = {
        "event_id": "e-1",
        "phase": "fired",
        "target": "/subscriptions/S1/resourceGroups/g/providers/a/b/c",
        "recorded_at": NOW,
        "signal": {"type": "vm.preempt", "source": "event_grid"},
        "decisions": decisions,
    }
    return decision_records(**{**values, **fields})


def test_a_plans_history_is_told_in_the_order_in_which_it_happened():
    """A withdrawal stands where it happened, between a step's begin and its end."""
    plan = a_night_of_one_plan()
    told = [record.id.removeprefix(f"{plan.id}-") for record in plan_records(plan)]
    assert [
        "opened",
        "0-began",
        "0-finished",
        "1-began",
        "withdrawn",
        "1-finished",
        "2-finished",
        "closed",
    ] == told


def test_every_record_fits_its_table():
    """A column that the table lacks is dropped by the service without a word."""
    some = {"rule": "r", "remediation": "m", "kind": "hold", "reason": "cooldown"}
    decisions = some_decisions({**some, "until": "2030-01-01T03:00:00Z", "detail": "x"})
    for record in (*plan_records(a_night_of_one_plan()), *decisions):
        types = {column.name: column.type for column in TABLES[record.table]}
        for name, value in record.row.items():
            assert value is None or FITS[types[name]](value), (record.id, name, value)
        assert {"TimeGenerated", "OccurredAt", "RecordId", "Target"} <= record.row.keys()


def test_every_column_is_filled_by_some_record():
    """A column that nothing fills would be a promise nobody keeps."""
    plan = a_night_of_one_plan()
    act = {"kind": "act", "plan": "p", "steps": [{"verb": "cordon", "target": "t"}]}
    told = (*plan_records(plan), *some_decisions({**act, "until": None}))
    for table, columns in TABLES.items():
        filled = {name for record in told if record.table is table for name in record.row}
        assert {column.name for column in columns} == filled


def test_margins_and_leads_are_in_the_closing_record():
    """What a plan was worth: how long before the deadline, how long after the notice."""
    closed = plan_records(a_night_of_one_plan())[-1].row
    # the notice came at 02:59:58; the deadline is 30 s after three
    assert (32.0, 24.0, 3.0, 6.0) == tuple(
        closed[f"{name}Seconds"] for name in ("Notice", "Margin", "Lead", "Duration")
    )
    assert ("withdrawn", "withdrawn") == (closed["Outcome"], closed["Reason"])


def test_what_others_may_react_to_is_published_and_nothing_else():
    """Openings, closings, ends of steps and decisions; a begin is nobody's business."""
    told = plan_records(a_night_of_one_plan())
    published = [record.event_type for record in told if record.event_type]
    finished = EventType.STEP_FINISHED
    assert [EventType.PLAN_OPENED, *[finished] * 3, EventType.PLAN_CLOSED] == published
    assert EventType.DECISION_MADE is some_decisions({"kind": "skip"})[0].event_type


def test_each_rules_answer_is_a_record_of_its_own():
    """Refusals are counted by reason and by rule; ids differ by phase and target."""
    first = some_decisions({"rule": "a", "reason": "cooldown"}, {"rule": "b"})
    again = some_decisions({"rule": "a", "reason": "cooldown"}, phase="fired+1")
    assert ["cooldown", ""] == [record.row["Reason"] for record in first]
    assert 3 == len({record.id for record in (*first, *again)})
    assert [0, 1] == [record.slot for record in first]
    assert "s1" == first[0].row["SubscriptionId"]


def test_an_event_without_a_target_is_told_too():
    """An event that no rule knows names no resource, and still is a decision."""
    [record] = some_decisions({"kind": "skip", "reason": "no_rule"}, target="")
    assert ("", "") == (record.row["Target"], record.row["SubscriptionId"])


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "ä" * 100_000, "\U0001f600" * 50_000, '"' * 90_000]
)
def test_a_long_text_is_cut_to_what_the_service_keeps(text: str):
    """The service would cut it silently; here it is said how long it was."""
    cut = field(text)
    assert FIELD_LIMIT - 12 <= len(json.dumps(cut)) <= FIELD_LIMIT
    assert cut.endswith(f"(cut from {len(json.dumps(text))} bytes)")


def test_a_long_document_is_told_by_its_beginning():
    """Half a JSON document is none, so its beginning becomes a text in one."""
    cut = field({"error": ["y" * 1000] * 100})
    assert len(json.dumps(cut)) <= FIELD_LIMIT
    assert cut["cut_from_bytes"] > 100_000
    assert cut["begins"].startswith('{"error": ["yyy')


def test_a_value_that_json_lacks_is_written_as_one_it_has():
    """The client fails on a moment, and a NaN is no JSON that the service reads."""
    written = field(
        {"at": NOW, "worst": float("nan"), "half": "\ud83d", "kinds": {Verb.CORDON}}
    )
    assert {"at": "2030-01-01T03:00:00.000000Z", "worst": "nan"} == {
        key: written[key] for key in ("at", "worst")
    }
    assert ("?", ["cordon"]) == (written["half"], written["kinds"])


@pytest.mark.parametrize(
    "value",
    [
        {"password": "hunter2"},
        {"env": [{"AccountKey": "hunter2"}]},
        {"storage_token": "hunter2"},
        "GET https://a.blob.core.windows.net/x?sv=1&sig=hunter2&se=2",
        "header Authorization: Bearer hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2",
    ],
)
def test_what_looks_like_a_secret_stays_in_the_house(value):
    """A log workspace has more readers than the ledger."""
    assert "hunter2" not in json.dumps(field(value))
    assert "***" in json.dumps(field(value))


def test_batches_stay_under_both_limits_and_keep_everything():
    """One record that is too large goes alone rather than never."""
    records = plan_records(a_night_of_one_plan())
    huge = replace(records[3], row={**records[3].row, "Detail": "x" * 5000})
    given = [*records[:3], huge, *records[4:]]
    cut = list(batches(given, most_bytes=2500, most=3))
    assert given == [record for batch in cut for record in batch]
    assert max(len(batch) for batch in cut) <= 3
    sizes = [sum(len(json.dumps(r.row)) for r in batch) for batch in cut]
    assert all(size <= 2500 or len(batch) == 1 for size, batch in zip(sizes, cut, strict=True))


def test_a_withdrawal_of_an_older_release_has_a_moment_too():
    """It wrote no time beside the reason; the plan's own end is the nearest there is."""
    plan = replace(a_night_of_one_plan(), withdrawn_at=None)
    [told] = [r for r in plan_records(plan) if r.row["Transition"] == "withdrawn"]
    assert (Table.PLANS, NOW + timedelta(seconds=6)) == (told.table, told.at)
