"""Start and stop a VM by its working hours; a person's word holds until the next boundary.

The hours come from the machine's own tag, or from the rule. Each boundary is acted on
once. A machine that somebody started or stopped after it was left as it is until the next
one, and so is a machine of which nobody knows when it was last changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MachineFacts, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb
from shared.core.timetables import (
    Standing,
    Timetable,
    Wanted,
    standing,
    timetable,
    timetable_of,
)
from shared.core.wire import write_moment

LOOK_AGAIN = timedelta(seconds=30)
_BETWEEN = frozenset({"starting", "stopping", "deallocating"})
_AS_IT_IS = {"ways": [{"how": "start"}]}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        days: On which days it is wanted: mon-fri, or single days. With ``off`` alone, on
            which it is stopped.
        on: At what time it is started, 08:00; empty to start nothing.
        off: At what time it is stopped, the next day if that is not later than ``on``;
            24:00 for midnight; empty to stop nothing. Without both only the tag counts.
        time_zone: Whose clock: an IANA time zone, or UTC.
        tag: The machine's own hours, for example ``mon-fri 08:00-19:00 Europe/Berlin``,
            or ``none``; they count instead of the rule's.
        within: How long after a boundary it is still acted on.
    """

    days: tuple[str, ...] = ("mon-fri",)
    on: str = ""
    off: str = ""
    time_zone: str = "UTC"
    tag: str = "nightshift-hours"
    within: timedelta = timedelta(hours=4)

    def __post_init__(self) -> None:
        """Refuse hours that cannot be followed."""
        timetable(self.days, self.on or "00:00", self.off or "23:59", self.time_zone)
        if self.on or self.off:
            timetable(self.days, self.on, self.off, self.time_zone)
        if self.within < timedelta(minutes=15):
            raise ValueError("within must be at least 15m: machines are looked at every 10")


def decide(signal: Signal, facts: MachineFacts, settings: Settings, now: datetime) -> Decision:
    """Make it what its hours say, unless somebody made it otherwise since."""
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    try:
        table = timetable_of(settings, facts.resource.tags)
    except ValueError as error:
        return Skip(Reason.BAD_DECLARATION, f"the tag {settings.tag}: {error}")
    if table is None:
        return Skip(Reason.NOTHING_DECLARED, "it has no hours")
    stands = standing(table, now)
    heard_of = signal.attributes.get("boundary", write_moment(stands.last.at))
    if heard_of != write_moment(stands.last.at):
        return Hold(Reason.TOO_SOON, detail="its hours changed meanwhile: the next tick tells")
    if stands.last.wanted.is_so(facts.power):
        is_off = stands.last.wanted is Wanted.OFF
        reason = Reason.ALREADY_STOPPED if is_off else Reason.ALREADY_RUNNING
        return Skip(reason, f"its power state is {facts.power}")
    if facts.power in _BETWEEN:
        return Hold(Reason.STILL_LEAVING, now + LOOK_AGAIN, f"it is {facts.power}")
    if signal.type is not SignalType.RUNBOOK and (word := _said_otherwise(facts, stands)):
        return word
    if signal.type is not SignalType.RUNBOOK and now > stands.last.at + settings.within:
        said = f"{stands.last.wanted} since {write_moment(stands.last.at)}: too long ago"
        return Skip(Reason.STALE_EVENT, said)
    if stands.last.wanted is Wanted.OFF:
        return Act((Step(Verb.DEALLOCATE, signal.target),))
    within = {"pause_s": 60.0, "within_s": settings.within.total_seconds()}
    return Act((Step(Verb.START, signal.target, {**_AS_IT_IS, **within}),))


def _said_otherwise(facts: MachineFacts, stands: Standing) -> Hold | Skip | None:
    """Take whatever happened to it after the boundary for somebody's word."""
    known = [one for one in (facts.started_at, facts.changed_at) if one is not None]
    if not known:
        return Hold(Reason.NO_DATA, detail="when it was last started or stopped is not told")
    if max(known) < stands.last.at:
        return None
    until = write_moment(stands.next.at)
    said = f"it is {facts.power} since {write_moment(max(known))}: left so until {until}"
    return Skip(Reason.BY_HAND, said)


def recheck(
    plan: Plan, facts: MachineFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when the hours say otherwise by now, or somebody was at it meanwhile."""
    try:
        table = timetable_of(settings, facts.resource.tags)
    except ValueError:
        return Reason.NO_LONGER_WANTED
    verb = Verb.DEALLOCATE if table and _is_off(table, now) else Verb.START
    if table is None or all(record.step.verb is not verb for record in plan.steps):
        return Reason.NO_LONGER_WANTED
    is_other = facts.power == ("running" if verb is Verb.DEALLOCATE else "deallocated")
    is_later = facts.changed_at is not None and facts.changed_at > plan.created_at
    return Reason.BY_HAND if is_other and is_later else None


def _is_off(table: Timetable, now: datetime) -> bool:
    return standing(table, now).last.wanted is Wanted.OFF


_NOW = datetime(2030, 1, 10, 19, 5, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/dev-1"
_HOURS = {"nightshift-hours": "mon-fri 08:00-19:00"}
_RUNS = MachineFacts(
    Resource(_VM, VM, "dev-1", tags=_HOURS),
    "running",
    None,
    None,
    changed_at=_NOW - timedelta(hours=11),
)
_OFF_SINCE = replace(_RUNS, power="deallocated", changed_at=_NOW - timedelta(hours=24))
_MORNING = datetime(2030, 1, 10, 8, 5, tzinfo=UTC)


def _tick(boundary: str) -> Signal:
    return Signal(
        type=SignalType.COMPUTE_SCHEDULE,
        event_id=f"schedule-working-hours-{boundary}",
        source="tick",
        target=_VM,
        observed_at=_NOW,
        attributes={"boundary": boundary},
        is_recurring=True,
    )


_EVENING_TICK = _tick("2030-01-10T19:00:00.000000Z")
_MORNING_TICK = _tick("2030-01-10T08:00:00.000000Z")
_START = {**_AS_IT_IS, "pause_s": 60.0, "within_s": 14400.0}

REMEDIATION = Remediation(
    name="follow_schedule",
    summary="Start and deallocate a VM by its working hours; a person's word holds.",
    answers=frozenset({SignalType.COMPUTE_SCHEDULE, SignalType.RUNBOOK}),
    facts=FactsKind.MACHINE,
    settings=Settings,
    verbs=frozenset({Verb.DEALLOCATE, Verb.START}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "seven in the evening: deallocated",
            _EVENING_TICK,
            _RUNS,
            _NOW,
            Act((Step(Verb.DEALLOCATE, _VM),)),
        ),
        Example(
            "eight in the morning: started",
            _MORNING_TICK,
            _OFF_SINCE,
            _MORNING,
            Act((Step(Verb.START, _VM, _START),)),
        ),
        Example(
            "somebody started it again in the evening: it is left alone until morning",
            _EVENING_TICK,
            replace(_RUNS, changed_at=_NOW - timedelta(minutes=2)),
            _NOW,
            Skip(
                Reason.BY_HAND,
                "it is running since 2030-01-10T19:03:00.000000Z: left so until "
                "2030-01-11T08:00:00.000000Z",
            ),
        ),
        Example(
            "nobody knows since when it runs: never guess",
            _EVENING_TICK,
            replace(_RUNS, changed_at=None),
            _NOW,
            Hold(Reason.NO_DATA, detail="when it was last started or stopped is not told"),
        ),
        Example(
            "its tag cannot be read: nothing is done by the rule's hours instead",
            _EVENING_TICK,
            replace(_RUNS, resource=replace(_RUNS.resource, tags={"nightshift-hours": "day"})),
            _NOW,
            Skip(
                Reason.BAD_DECLARATION,
                "the tag nightshift-hours: 'day' is no timetable: write for example "
                "mon-fri 08:00-19:00 Europe/Berlin, or none",
            ),
            Settings(off="19:00"),
        ),
        Example(
            "it is off already",
            _EVENING_TICK,
            _OFF_SINCE,
            _NOW,
            Skip(Reason.ALREADY_STOPPED, "its power state is deallocated"),
        ),
    ),
)
