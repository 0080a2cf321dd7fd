"""Empty an instance of a pool that people share before the platform takes it.

Only where the pool says so itself: its scale set bears the tag ``nightshift-pool`` with the
value ``shared``. Everything people need must be on the shared file system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.acknowledging import Acknowledge
from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, PoolInstanceFacts, Resource
from shared.core.plans import Plan, StepOutcome
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SCALE_SET_VM
from shared.core.shared_pools import SHARED, TAG, is_shared
from shared.core.signals import INVOLUNTARY, Phase, Signal, SignalType
from shared.core.steps import Step, Verb

_FILE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        message: What users are told; the moment at which it goes is put after it.
        sessions: A file on the instance that prints how many work there; without one, the
            logins that ``who`` lists are counted.
        margin: Time before the deadline at which waiting for them ends.
        timeout: When there is no deadline, how long they may take.
        acknowledge: Whether the notice may begin before its time: never, when_drained (all
            its machines are), or always (this machine is not waited for).
    """

    message: str = "This machine is about to go. Save your work and log in again"
    sessions: str = ""
    margin: timedelta = timedelta(seconds=5)
    timeout: timedelta = timedelta(hours=1)
    acknowledge: Acknowledge = Acknowledge.NEVER

    def __post_init__(self) -> None:
        """Refuse what would not fit onto a terminal, or is no plain path."""
        if not self.message.isprintable() or not 0 < len(self.message) <= MOST_WORDS:
            raise ValueError("message does not fit: write one line of up to 200 characters")
        if self.sessions and not _FILE.fullmatch(self.sessions):
            raise ValueError("sessions does not fit: write a path such as /opt/sessions.sh")


def decide(
    signal: Signal, facts: PoolInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Take it out of rotation, tell its users, and wait for them."""
    if not is_shared(facts.resource):
        return Skip(Reason.NOT_A_SHARED_POOL, f"no scale set with the tag {TAG}: {SHARED}")
    if facts.power != "running":
        return Skip(Reason.NOT_RUNNING, f"its power state is {facts.power or 'not known'}")
    until = f" (before {signal.deadline:%H:%M:%S} UTC)" if signal.deadline else ""
    limits = {
        "margin_s": settings.margin.total_seconds(),
        "timeout_s": settings.timeout.total_seconds(),
    }
    warn = {"message": f"{settings.message}{until}", **limits}
    return Act(
        (
            Step(Verb.POOL_LEAVE, signal.target),
            Step(Verb.POOL_WARN, signal.target, warn),
            Step(Verb.POOL_SESSIONS, signal.target, {"sessions": settings.sessions, **limits}),
        )
    )


def recheck(
    plan: Plan, facts: PoolInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when a person put it back into rotation."""
    has_left = plan.steps[0].outcome is StepOutcome.DONE
    return Reason.RETURNED_BY_HAND if has_left and not facts.taken_out_by else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_SET = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachineScaleSets/science"
)
_VM = f"{_SET}/virtualMachines/4"
_NOTICE = Signal(
    type=SignalType.VM_REDEPLOY,
    event_id="e-1",
    source="scheduled_events",
    target=_VM,
    observed_at=_NOW,
    phase=Phase.SCHEDULED,
    deadline=_NOW + timedelta(minutes=10),
)
_FACTS = PoolInstanceFacts(
    Resource(_VM, SCALE_SET_VM, "4", tags={TAG: SHARED}, pool=_SET), "running"
)
_LIMITS = {"margin_s": 5.0, "timeout_s": 3600.0}
_WORDS = "This machine is about to go. Save your work and log in again (before 03:10:00 UTC)"

REMEDIATION = Remediation(
    name="free_pool_instance",
    summary="Take an instance of a shared pool out of rotation, tell its users and wait.",
    answers=INVOLUNTARY | {SignalType.RUNBOOK},
    facts=FactsKind.POOL_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.POOL_LEAVE, Verb.POOL_RETURN, Verb.POOL_WARN, Verb.POOL_SESSIONS}),
    decide=decide,
    recheck=recheck,
    healthy=('facts.power == "running"',),
    examples=(
        Example(
            "ten minutes: no new sessions, a warning, and time to end the others",
            _NOTICE,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.POOL_LEAVE, _VM),
                    Step(Verb.POOL_WARN, _VM, {"message": _WORDS, **_LIMITS}),
                    Step(Verb.POOL_SESSIONS, _VM, {"sessions": "", **_LIMITS}),
                )
            ),
        ),
        Example(
            "a scale set that does not say that people share it",
            _NOTICE,
            replace(_FACTS, resource=replace(_FACTS.resource, tags={})),
            _NOW,
            Skip(
                Reason.NOT_A_SHARED_POOL, "no scale set with the tag nightshift-pool: shared"
            ),
        ),
    ),
)
