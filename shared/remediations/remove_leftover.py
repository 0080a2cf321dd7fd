"""Remove what nobody uses: mark it, tell its owner, wait, look again, then remove it.

Two plans, days apart. The first tells people and writes a date on the resource; whoever
wants it takes the tag off, moves the date, or uses it. The second comes when the date has
passed and finds it unused still; a disk is saved first. What is used again loses the mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.durations import format_duration
from shared.core.facts import FactsKind, Resource
from shared.core.leftovers import KINDS, LeftoverFacts, marked_until, why_removable
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import DISK
from shared.core.signals import Signal, SignalType
from shared.core.snapshots import saving
from shared.core.steps import Step, Verb
from shared.core.wire import write_moment


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        grace: How long people have between the mark and the removal, a day at least.
        keep: How long the snapshot of a removed disk is wanted.
        within: How old a snapshot may be to do instead of a fresh one; 0s for none.
    """

    grace: timedelta = timedelta(days=14)
    keep: timedelta = timedelta(days=30)
    within: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        """Refuse a grace that nobody could use."""
        if self.grace < timedelta(days=1):
            raise ValueError(f"grace {format_duration(self.grace)}: write 1d or more")


def decide(
    signal: Signal, facts: LeftoverFacts, settings: Settings, now: datetime
) -> Decision:
    """Mark first; remove when the marked date has passed; unmark what is used again."""
    if facts.resource.type not in KINDS:
        kinds = ", ".join(sorted(KINDS))
        return Skip(Reason.NOT_LEFT_OVER, f"it is a {facts.resource.type}, not {kinds}")
    because = why_removable(facts, now)
    if not because and facts.remove_after:
        return Act((Step(Verb.UNMARK, signal.target),))
    if not because:
        return Skip(Reason.NOT_LEFT_OVER, "somebody uses it, or wants it yet")
    if not facts.remove_after:
        return Act(_marking(signal.target, facts, because, now + settings.grace))
    until = marked_until(facts.remove_after)
    if until is None:
        return Skip(Reason.BAD_DECLARATION, f"its mark {facts.remove_after!r} is no moment")
    if until > now:
        return Hold(Reason.TOO_SOON, until, "marked; its owner was told")
    return Act(_removing(signal.target, facts, because, settings, now))


def _marking(
    target: str, facts: LeftoverFacts, because: str, until: datetime
) -> tuple[Step, ...]:
    """Tell, then mark: what nobody was told of is never marked, and so never removed."""
    moment = write_moment(until.replace(microsecond=0))
    why = facts.left_over or "its owner's date has passed"
    message = (
        f"{why}: it will be removed after {moment}. To keep it, use it, set its tag "
        "expires-on to a later date, or tag it nightshift: off"
    )
    args = {"remove_after": moment, "because": because}
    return Step(Verb.TELL, target, {"message": message}), Step(Verb.MARK, target, args)


def _removing(
    target: str, facts: LeftoverFacts, because: str, settings: Settings, now: datetime
) -> tuple[Step, ...]:
    remove = Step(
        Verb.REMOVE, target, {"remove_after": facts.remove_after, "because": because}
    )
    if facts.resource.type != DISK:
        return (remove,)
    args = saving(facts.resource.location, now + settings.keep, settings.within)
    return Step(Verb.SNAPSHOT, target, args), remove


def recheck(
    plan: Plan, facts: LeftoverFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop a removal whose target is used, or wanted, by now."""
    removes = any(record.step.verb is Verb.REMOVE for record in plan.steps)
    return Reason.NOT_LEFT_OVER if removes and not why_removable(facts, now) else None


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_DISK = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/disks/left-over"
)
_FOUND = Signal(
    type=SignalType.RESOURCE_LEFT_OVER,
    event_id="survey-unattached_disks-20300110T0000-unattached_disk",
    source="survey",
    target=_DISK,
    observed_at=_NOW,
    attributes={"finding": "unattached_disk"},
    is_recurring=True,
)
_FACTS = LeftoverFacts(Resource(_DISK, DISK, "left-over", "westeurope"), "no machine has it")
_DUE = "2030-01-09T00:00:00.000000Z"
_MARKED = replace(_FACTS, remove_after=_DUE)
_AGREED = {"remove_after": _DUE, "because": "left_over"}

REMEDIATION = Remediation(
    name="remove_leftover",
    summary="Mark what nobody uses, tell its owner, and remove it when the date has passed.",
    answers=frozenset(
        {SignalType.RESOURCE_LEFT_OVER, SignalType.RESOURCE_EXPIRED, SignalType.RUNBOOK}
    ),
    facts=FactsKind.LEFTOVER,
    settings=Settings,
    verbs=frozenset({Verb.TELL, Verb.MARK, Verb.UNMARK, Verb.SNAPSHOT, Verb.REMOVE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "found for the first time: its owner is told, then it is marked",
            _FOUND,
            _FACTS,
            _NOW,
            Act(_marking(_DISK, _FACTS, "left_over", _NOW + timedelta(days=14))),
        ),
        Example(
            "marked, and the date has not come: wait",
            _FOUND,
            replace(_FACTS, remove_after="2030-01-20T00:00:00Z"),
            _NOW,
            Hold(
                Reason.TOO_SOON,
                datetime(2030, 1, 20, tzinfo=UTC),
                "marked; its owner was told",
            ),
        ),
        Example(
            "marked, and the date has passed: saved, then removed",
            _FOUND,
            _MARKED,
            _NOW,
            Act(
                (
                    Step(
                        Verb.SNAPSHOT,
                        _DISK,
                        {"location": "westeurope", "expires": "2030-02-09T00:00:00.000000Z"},
                    ),
                    Step(Verb.REMOVE, _DISK, _AGREED),
                )
            ),
        ),
        Example(
            "a machine has it again: the mark goes",
            _FOUND,
            replace(_MARKED, left_over=""),
            _NOW,
            Act((Step(Verb.UNMARK, _DISK),)),
        ),
        Example(
            "its owner wants it until March",
            _FOUND,
            replace(_FACTS, expires_on=datetime(2030, 3, 1, tzinfo=UTC)),
            _NOW,
            Skip(Reason.NOT_LEFT_OVER, "somebody uses it, or wants it yet"),
        ),
        Example(
            "the mark was written over with something that is no date",
            _FOUND,
            replace(_FACTS, remove_after="never"),
            _NOW,
            Skip(Reason.BAD_DECLARATION, "its mark 'never' is no moment"),
        ),
    ),
)
