"""Stories with people and limits in them, to be cut off at any point like the others.

A person whose click was lost sees that, and clicks again; so a yes is said until it was
heard, whatever becomes of the sender of the event.
"""

from __future__ import annotations

from collections import Counter

from shared.core.approvals import ApprovalState, Refused, Voice
from shared.core.errors import InvalidTarget
from shared.core.notices import NoticeKind
from shared.core.plans import Mode, PlanOutcome
from shared.core.terms import ApprovalKind, ApprovalTerms, Channel, Limit, LimitScope
from shared.engine import consenting
from shared.rules.book import Rung
from tests.builders import HOUR, REMEDIATIONS, VM, a_degradation, a_rule
from tests.crash.stories import Event, Story
from tests.fakes.ledger import Crash
from tests.shift import Shift

ASKING = {
    "approval": ApprovalTerms(ApprovalKind.REQUIRED, 2 * HOUR),
    "notify": (Channel.TEAMS,),
}
REFUSED = InvalidTarget("this size cannot be redeployed")


def with_machines(*names: str, mode: Mode = Mode.AUTO, **terms: object) -> Shift:
    """Machines on failing hardware, and a rule that moves them on these terms."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", mode=mode, terms=terms))
    for name in names:
        shift.with_machine(name, f"os-{name[-1]}", is_quiet=False)
    return shift


def heard_and_allowed(shift: Shift) -> object:
    """Let the event be heard, and a person agree to whatever was asked about it."""
    try:
        return shift.deliver(a_degradation())
    finally:
        for name in list(shift.world.approvals.rows):
            while not _allowed(shift, name):
                pass


def _allowed(shift: Shift, name: str) -> bool:
    yes = Voice("ada", True, "", "page", shift.now, is_verified=True, subject="ada")
    try:
        shift.invoke(consenting.decide(shift.night, name, yes))
    except Crash:
        return False
    except Refused:
        return True  # it was heard the first time
    return True


def the_yes_was_used(shift: Shift) -> None:
    """Of one question, for one plan; and people were asked once."""
    [asked] = shift.world.approvals.every()
    assert (ApprovalState.USED, shift.plan.approval) == (asked.state, asked.id)
    kinds = [one.kind for one in shift.world.notices.posted.values()]
    assert 1 == kinds.count(NoticeKind.ASKED)


def with_a_ladder() -> Shift:
    """A machine that no host takes: a person is asked in the end."""
    ask = REMEDIATIONS["ask_a_person"]
    shift = with_machines(VM, ladder=(Rung(ask, ask.settings()),), notify=(Channel.TEAMS,))

    def refuse(at: str) -> None:
        if at == "before redeploy":
            raise REFUSED

    shift.hooks.append(refuse)
    return shift


def a_person_was_asked_once(shift: Shift) -> None:
    """After the first rung, by one notice."""
    first, second = sorted(shift.plans, key=lambda plan: plan.rung)
    assert first.closed_at is not None
    assert (0, 1) == (first.rung, second.rung)
    assert first.closed_at <= second.created_at
    kinds = [one.kind for one in shift.world.notices.posted.values()]
    assert 1 == kinds.count(NoticeKind.TOLD)


def degraded(name: str) -> Event:
    """Make the sending of an event about one machine."""
    signal = a_degradation(target=name, event_id=f"h-{name[-1]}")
    return lambda shift: shift.deliver(signal)


def one_after_the_other(shift: Shift) -> None:
    """Never two at once, and what is counted has ended like its plan."""
    first, second = sorted(shift.plans, key=lambda plan: plan.created_at)
    assert first.closed_at is not None
    assert first.closed_at <= second.created_at


APPROVED = Story(
    "a plan that needs a yes",
    lambda: with_machines(VM, **ASKING),
    (heard_and_allowed,),
    Counter({("redeploy", VM): 1}),
    look=the_yes_was_used,
)
SUGGESTED = Story(
    "a suggestion taken up",
    lambda: with_machines(VM, mode=Mode.SUGGEST, notify=(Channel.TEAMS,)),
    (heard_and_allowed,),
    Counter({("redeploy", VM): 1}),
    look=the_yes_was_used,
)
CLIMBED = Story(
    "a ladder climbed",
    with_a_ladder,
    (lambda shift: shift.deliver(a_degradation()),),
    Counter(),
    (PlanOutcome.PARTIAL, PlanOutcome.DONE),
    a_person_was_asked_once,
)
LIMITED = Story(
    "one machine at a time",
    lambda: with_machines(
        f"{VM}a", f"{VM}b", limits=(Limit(LimitScope.RULE, count=1),), notify=(Channel.TEAMS,)
    ),
    (degraded(f"{VM}a"), degraded(f"{VM}b")),
    Counter({("redeploy", f"{VM}a"): 1, ("redeploy", f"{VM}b"): 1}),
    (PlanOutcome.DONE, PlanOutcome.DONE),
    one_after_the_other,
)
SUPERVISED = (APPROVED, SUGGESTED, CLIMBED, LIMITED)
