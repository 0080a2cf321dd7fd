"""What is written to the ledger is read back the same; what people read is shaped so."""

from __future__ import annotations

from dataclasses import replace

from shared.core import ledger, wire
from shared.core.decisions import Act, Hold, Reason, Skip
from shared.core.ledger import StepResult
from shared.core.plans import Lease, StepOutcome
from shared.core.steps import Step, Verb
from tests.builders import NOW, SECOND, a_notice, a_plan, a_tick

FULL = replace(
    ledger.remember(ledger.begin(a_plan(), 1, now=NOW), 1, {"accepted": 2}),
    lease=Lease("w1", NOW + SECOND),
    withdrawn=Reason.WITHDRAWN,
    wake_seq=7,
    undoes="p-0",
    settings={"margin": "3s"},
)
CLOSED = ledger.close(
    ledger.finish(
        ledger.begin(a_plan(), 0, now=NOW),
        0,
        StepResult(StepOutcome.DONE, "why", {"node": "n"}, is_verified=True),
        now=NOW + SECOND,
    ),
    now=NOW + 2 * SECOND,
)


def test_a_signal_is_read_back_as_it_was():
    """A reminder of a Hold is answered by the same signal that was held."""
    for signal in (a_notice(attributes={"a": [1, None]}), a_tick(is_test=True, deadline=NOW)):
        assert signal == wire.signal_from_json(wire.signal_to_json(signal))


def test_a_plan_is_read_back_as_it_was_open_or_closed():
    """A worker that takes over sees all that its predecessor wrote."""
    for plan in (a_plan(), FULL, CLOSED):
        assert plan == wire.plan_from_json(wire.plan_to_json(plan))


def test_what_an_older_release_did_not_write_has_a_default():
    """A plan outlives the release that opened it."""
    document = wire.plan_to_json(a_plan(wake_at=None, deadline=None, rule_hash=""))
    needed = {"id", "rule", "remediation", "mode", "target", "signal", "steps", "created_at"}
    old = {key: document[key] for key in needed}
    old["steps"] = [{"verb": s["verb"], "target": s["target"]} for s in document["steps"]]
    assert a_plan(wake_at=None, deadline=None, rule_hash="") == wire.plan_from_json(old)


def test_a_moment_is_written_in_utc_with_microseconds():
    """Texts sort as the moments do, and comparing them as texts is sound."""
    assert "2030-01-01T03:00:00.000000Z" == wire.write_moment(NOW)
    assert NOW == wire.read_moment(wire.write_moment(NOW))
    assert (None, None) == (wire.write_moment(None), wire.read_moment(None))


def test_each_decision_is_written_with_its_kind_and_reason():
    """An event's record can be read without knowing our classes."""
    step = Step(Verb.CORDON, "t", {"a": 1})
    assert {
        "kind": "act",
        "reason": "",
        "steps": [{"verb": "cordon", "target": "t", "args": {"a": 1}}],
    } == wire.decision_to_json(Act((step,)))
    assert {
        "kind": "hold",
        "reason": "cooldown",
        "detail": "",
        "until": "2030-01-01T03:00:00.000000Z",
    } == wire.decision_to_json(Hold(Reason.COOLDOWN, NOW))
    assert {"kind": "skip", "reason": "no_rule", "detail": "d"} == wire.decision_to_json(
        Skip(Reason.NO_RULE, "d")
    )


def test_a_plan_reads_as_the_design_says():
    """Names once released only grow; a missing one breaks whoever reads us."""
    view = wire.plan_view(CLOSED)
    promised = {
        "id",
        "rule",
        "remediation",
        "mode",
        "signal",
        "decision",
        "state",
        "outcome",
        "deadline",
        "margin_seconds",
        "steps",
        "created_at",
        "closed_at",
    }
    assert set() == promised - view.keys()
    step = {"index", "verb", "target", "outcome", "reason", "started_at", "finished_at"}
    assert set() == (step | {"verified_at"}) - view["steps"][0].keys()
    assert ("closed", "partial", 28.0) == (
        view["state"],
        view["outcome"],
        view["margin_seconds"],
    )
    assert {"type", "event_id", "source", "target"} == view["signal"].keys()


def test_an_open_plan_has_no_margin_yet():
    """Nobody can tell before the end whether the platform was beaten."""
    view = wire.plan_view(FULL)
    assert ("open", None, "withdrawn") == (
        view["state"],
        view["margin_seconds"],
        view["decision"]["reason"],
    )
