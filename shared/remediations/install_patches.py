"""Install a machine's missing updates once, inside a maintenance window.

The window is the rule's: ``sat,sun 22:00-04:00 Europe/Berlin``. Outside it the plan
waits, and an installation is given no longer than what is left of it. Unless the last
assessment is fresh, the machine is assessed first; if nothing urgent is missing then,
nothing is installed. Freezes, approvals and every other guardrail count as ever.
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
from shared.core.timetables import Wanted, read_timetable, standing

LEAST = timedelta(minutes=30)
MOST = timedelta(hours=4)
RESTARTS = {"if_required": "IfRequired", "never": "Never", "always": "Always"}
CLASSES = ("Critical", "Security")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        window: When it may be done, as ``sat,sun 22:00-04:00 Europe/Berlin``; empty: at
            any time.
        longest: After which time no further update is begun, 30m to 4h.
        restart: ``if_required``, ``never`` or ``always``.
        fresh_for: How old an assessment may be that is relied on.
    """

    window: str = ""
    longest: timedelta = timedelta(hours=2)
    restart: str = "if_required"
    fresh_for: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        """Refuse what the service would refuse, or what nobody could follow."""
        if self.restart not in RESTARTS:
            raise ValueError(f"restart {self.restart!r}: write one of {', '.join(RESTARTS)}")
        if not LEAST <= self.longest <= MOST:
            raise ValueError("longest: write 30m to 4h")
        if self.window:
            table = read_timetable(self.window, "UTC")
            if table is None or table.on is None or table.off is None:
                raise ValueError(f"window {self.window!r}: write both when it begins and ends")


def decide(signal: Signal, facts: PatchFacts, settings: Settings, now: datetime) -> Decision:
    """Install what is urgent on a machine that runs, while the window is open."""
    if facts.is_on is None or facts.os not in {"linux", "windows"}:
        return Hold(Reason.NO_DATA, detail="whether it runs, or its system, is not told")
    if not facts.is_on:
        return Skip(Reason.ALREADY_STOPPED, "it is off: nothing can be installed")
    if facts.installation == IN_PROGRESS:
        return Skip(Reason.BUSY, "an installation is under way")
    is_fresh = facts.assessed_at is not None and now < facts.assessed_at + settings.fresh_for
    if is_fresh and facts.urgent == 0:
        return Skip(Reason.UP_TO_DATE, "no critical or security update is missing")
    left, opens = _window(settings, now)
    if left < LEAST:
        return Hold(Reason.TOO_SOON, opens, "its window is closed, or closes soon")
    minutes = int(min(left, settings.longest) / timedelta(minutes=1))
    args = {
        "os": facts.os,
        "minutes": minutes,
        "restart": RESTARTS[settings.restart],
        "classes": list(CLASSES),
    }
    assess = () if is_fresh else (Step(Verb.ASSESS_PATCHES, signal.target),)
    return Act((*assess, Step(Verb.INSTALL_PATCHES, signal.target, args)))


def _window(settings: Settings, now: datetime) -> tuple[timedelta, datetime | None]:
    """Return how long the window is open yet, and when it opens next."""
    table = read_timetable(settings.window, "UTC") if settings.window else None
    if table is None:
        return MOST, None
    stands = standing(table, now)
    if stands.last.wanted is Wanted.ON:
        left = stands.next.at - now
        if left >= LEAST:
            return left, None
        return left, standing(table, stands.next.at).next.at
    return timedelta(0), stands.next.at


def recheck(plan: Plan, facts: PatchFacts, settings: Settings, now: datetime) -> Reason | None:
    """Stop before the installation if nothing is missing by now, or the window closed."""
    install = plan.steps[-1]
    if install.started_at is not None:
        return None
    if facts.urgent == 0 and facts.assessment != IN_PROGRESS:
        return Reason.UP_TO_DATE
    return Reason.NO_LONGER_WANTED if _window(settings, now)[0] < LEAST else None


_NOW = datetime(2030, 1, 10, 12, tzinfo=UTC)
_VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachines/vm"
)
_FOUND = Signal(
    type=SignalType.POSTURE_FOUND,
    event_id="survey-update_compliance-20300110T0000-updates_missing",
    source="survey",
    target=_VM,
    observed_at=_NOW,
    attributes={"finding": "updates_missing"},
    is_recurring=True,
)
_FACTS = PatchFacts(
    Resource(_VM, VM, "vm"),
    "linux",
    is_on=True,
    assessment="succeeded",
    assessed_at=_NOW - timedelta(hours=2),
    urgent=3,
)
_ARGS = {"os": "linux", "minutes": 120, "restart": "IfRequired", "classes": list(CLASSES)}
_OPEN, _CLOSED = Settings("thu 11:00-13:00"), Settings("sat,sun 22:00-04:00")

REMEDIATION = Remediation(
    name="install_patches",
    summary="Install a machine's missing critical and security updates once, in a window.",
    answers=frozenset({SignalType.POSTURE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.PATCHES,
    settings=Settings,
    verbs=frozenset({Verb.ASSESS_PATCHES, Verb.INSTALL_PATCHES}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "three are missing",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.INSTALL_PATCHES, _VM, _ARGS),)),
        ),
        Example(
            "the last assessment is old: it is assessed first",
            _FOUND,
            replace(_FACTS, assessed_at=_NOW - timedelta(days=3)),
            _NOW,
            Act((Step(Verb.ASSESS_PATCHES, _VM), Step(Verb.INSTALL_PATCHES, _VM, _ARGS))),
        ),
        Example(
            "an hour is left of the window",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.INSTALL_PATCHES, _VM, {**_ARGS, "minutes": 60}),)),
            settings=_OPEN,
        ),
        Example(
            "the window opens on Saturday",
            _FOUND,
            _FACTS,
            _NOW,
            Hold(
                Reason.TOO_SOON,
                datetime(2030, 1, 12, 22, tzinfo=UTC),
                "its window is closed, or closes soon",
            ),
            settings=_CLOSED,
        ),
        Example(
            "nothing urgent is missing",
            _FOUND,
            replace(_FACTS, urgent=0),
            _NOW,
            Skip(Reason.UP_TO_DATE, "no critical or security update is missing"),
        ),
        Example(
            "it is off",
            _FOUND,
            replace(_FACTS, is_on=False),
            _NOW,
            Skip(Reason.ALREADY_STOPPED, "it is off: nothing can be installed"),
        ),
    ),
)
