"""What a later release wrote is kept by this one, whatever becomes of the row meanwhile."""

from __future__ import annotations

from dataclasses import replace

from shared.adapters.tally_rows import tally_of, tally_row
from shared.core import ledger, tallies, wire
from shared.core.approvals import Voice
from shared.core.approvals_json import approval_from_json, approval_to_json
from shared.core.tallies import Tally
from tests.builders import NOW, SECOND, a_plan
from tests.notices import an_approval
from tests.tallying import PLANS_ON_POOL, begun, ended

NEW = {"of_a_later_release": {"nested": [1, None]}}


def test_a_plan_keeps_it_through_a_worker_of_this_release():
    """Claimed, begun, waited for and closed: in the plan, and in each step."""
    written = wire.plan_to_json(a_plan())
    written = {**written, **NEW, "steps": [{**step, **NEW} for step in written["steps"]]}
    plan = wire.plan_from_json(written)
    plan = ledger.claim(plan, owner="w", now=NOW, lease=SECOND)
    plan = ledger.wait(ledger.begin(plan, 0, now=NOW), until=NOW + SECOND)
    left = wire.plan_to_json(ledger.close(plan, now=NOW + SECOND))
    assert [NEW] * 3 == [
        {key: one[key] for key in NEW} for one in (left, left["steps"][0], left["steps"][1])
    ]
    assert ("unknown", 1) == (left["steps"][0]["outcome"], left["wake_seq"])


def test_a_key_of_ours_is_never_taken_for_one_of_theirs():
    """What changed since is written, and not what was read."""
    plan = wire.plan_from_json(wire.plan_to_json(a_plan()))
    assert ({}, {}) == (plan.unknown, plan.steps[0].unknown)


def test_a_question_keeps_it_when_somebody_answers():
    """And so does the answer that was there; one given here has none of it."""
    voice = Voice("ada", is_yes=True, reason="", channel="api", at=NOW, is_verified=True)
    written = approval_to_json(replace(an_approval(), voices=(voice,)))
    written = {**written, **NEW, "voices": [{**written["voices"][0], **NEW}]}
    read = approval_from_json(written)
    left = approval_to_json(replace(read, voices=(*read.voices, replace(voice, person="bob"))))
    assert NEW == {key: left[key] for key in NEW}
    assert [True, False] == ["of_a_later_release" in one for one in left["voices"]]
    fresh = approval_from_json(approval_to_json(an_approval()))
    assert {} == fresh.unknown


def test_a_tally_keeps_it_when_somebody_else_is_counted():
    """Beside its entries, and behind what each of them has here."""
    first = replace(begun(1), unknown=(7, {"later": True}))
    tally = Tally(PLANS_ON_POOL, (first,), unknown=NEW)
    read = tally_of(tally_row(tally), "v1")
    assert (NEW, first) == (read.unknown, read.entries[0])
    left = tally_of(tally_row(tallies.put(read, ended(2, "done"))), "v2")
    assert (NEW, [(7, {"later": True}), ()]) == (
        left.unknown,
        [entry.unknown for entry in left.entries],
    )
