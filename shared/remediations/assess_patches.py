"""Have Update Manager assess a machine: which updates it lacks.

Nothing is installed, and nothing restarts. A machine that is off, or whose agent is not
connected, cannot be assessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, PatchFacts, Resource
from shared.core.patches import IN_PROGRESS
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        fresh_for: How long an assessment counts before another one is asked for.
    """

    fresh_for: timedelta = timedelta(hours=1)


def decide(signal: Signal, facts: PatchFacts, settings: Settings, now: datetime) -> Decision:
    """Assess what runs and was not assessed lately."""
    if facts.is_on is None:
        return Hold(Reason.NO_DATA, detail="whether it runs is not told")
    if not facts.is_on:
        return Skip(Reason.ALREADY_STOPPED, "it is off: it cannot be assessed")
    if facts.assessment == IN_PROGRESS:
        return Skip(Reason.BUSY, "an assessment is under way")
    if facts.assessed_at is not None and now < facts.assessed_at + settings.fresh_for:
        return Skip(Reason.TOO_SOON, f"it was assessed at {facts.assessed_at:%Y-%m-%d %H:%M}")
    return Act((Step(Verb.ASSESS_PATCHES, signal.target),))


def recheck(
    _plan: Plan, facts: PatchFacts, _settings: Settings, _now: datetime
) -> Reason | None:
    """Stop if it was switched off since."""
    return Reason.ALREADY_STOPPED if facts.is_on is False else None


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachines/vm"
)
_FOUND = Signal(
    type=SignalType.POSTURE_FOUND,
    event_id="survey-update_compliance-20300110T0000-not_assessed",
    source="survey",
    target=_VM,
    observed_at=_NOW,
    attributes={"finding": "not_assessed"},
    is_recurring=True,
)
_FACTS = PatchFacts(Resource(_VM, VM, "vm"), "linux", is_on=True)

REMEDIATION = Remediation(
    name="assess_patches",
    summary="Have Update Manager assess which updates a machine lacks.",
    answers=frozenset({SignalType.POSTURE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.PATCHES,
    settings=Settings,
    verbs=frozenset({Verb.ASSESS_PATCHES}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "it was never assessed",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.ASSESS_PATCHES, _VM),)),
        ),
        Example(
            "it is off",
            _FOUND,
            replace(_FACTS, is_on=False),
            _NOW,
            Skip(Reason.ALREADY_STOPPED, "it is off: it cannot be assessed"),
        ),
        Example(
            "nobody knows whether it runs",
            _FOUND,
            replace(_FACTS, is_on=None),
            _NOW,
            Hold(Reason.NO_DATA, detail="whether it runs is not told"),
        ),
        Example(
            "somebody assessed it a moment ago",
            _FOUND,
            replace(_FACTS, assessment="succeeded", assessed_at=_NOW),
            _NOW,
            Skip(Reason.TOO_SOON, "it was assessed at 2030-01-10 00:00"),
        ),
    ),
)
