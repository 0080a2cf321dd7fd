"""What the oversight machine plays with: its rules, its world, and the laws of one plan.

The laws read the ledger's plans and the stored questions, never what a guardrail counted
for itself. They are asked at the very moment at which a plan is stored, and what they
find wrong is collected: raised there, the engine would record it as a defect and go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.core import ledger
from shared.core.approvals import ApprovalState, plan_hash
from shared.core.deciding import settle
from shared.core.pauses import Subject
from shared.core.plans import SAFE, Mode, Plan, PlanOutcome, plan_id, rung_name
from shared.core.signals import INVOLUNTARY, Signal
from shared.core.steps import Verb
from shared.core.tallies import BREAKER
from shared.core.terms import (
    ApprovalKind,
    ApprovalTerms,
    Breaker,
    Budget,
    Canary,
    Channel,
    Limit,
    LimitScope,
    Money,
    Strikes,
)
from shared.rules.book import Rule, Rung
from shared.rules.conditions import compile_condition
from tests.builders import (
    GROUP,
    HOUR,
    MINUTE,
    REMEDIATIONS,
    SCALE_SET,
    a_degradation,
    a_pod,
    a_reboot,
    a_resource,
    a_rule,
    instance,
)
from tests.shift import Shift

DAY = 24 * HOUR
POOL_SIZE = 10
MACHINES = (0, 1, 2)
NODES = (29, 30)
LIMITED, ASKED, TWO, PROVEN = "limited", "asked", "two", "proven"
CLIMBING, SUGGESTED, STRUCK = "climbing", "suggested", "struck"
KINDS = (LIMITED, ASKED, TWO, PROVEN, CLIMBING, SUGGESTED, STRUCK)
NEEDS_YES = frozenset({ASKED, TWO, SUGGESTED})
AT_ONCE, IN_AN_HOUR, SOAK = 2, 2, 30 * MINUTE
STRIKES = Strikes(2, HOUR)
MONEY = Money(limit=20.0, each=10.0, within=3 * HOUR)
_YES = ApprovalTerms(ApprovalKind.REQUIRED, 2 * HOUR, if_expired=Verb.SNAPSHOT)
_EYES = ApprovalTerms(ApprovalKind.FOUR_EYES, HOUR)
_BREAKER = Breaker(LimitScope.POOL, 10 * MINUTE, 3, None, 5, 10 * MINUTE, timedelta(0))
_ASK = Rung(REMEDIATIONS["ask_a_person"], REMEDIATIONS["ask_a_person"].settings())
TERMS: dict[str, dict[str, object]] = {
    LIMITED: {
        "limits": (
            Limit(LimitScope.RULE, count=IN_AN_HOUR, within=HOUR),
            Limit(LimitScope.POOL, count=AT_ONCE),
        )
    },
    ASKED: {"approval": _YES},
    TWO: {"approval": _EYES},
    PROVEN: {"canary": Canary(1, SOAK, DAY), "breaker": _BREAKER},
    CLIMBING: {
        "verify": (compile_condition('facts.power == "running"'),),
        "timeout": 20 * MINUTE,
        "ladder": (_ASK,),
    },
    SUGGESTED: {"approval": _YES},
    STRUCK: {"strikes": STRIKES, "budget": Budget(None, 3 * HOUR, MONEY)},
}


def vm(number: int) -> str:
    """Name one of the machines."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-{number}"


def a_kind(kind: str) -> Rule:
    """Make the rule that answers one kind of event."""
    mode = Mode.SUGGEST if kind == SUGGESTED else Mode.AUTO
    terms = {"notify": (Channel.TEAMS,), **TERMS[kind]}
    when = f'signal.kind == "{kind}"'
    return a_rule("snapshot_and_redeploy", name=kind, mode=mode, when=when, terms=terms)


def begin() -> Shift:
    """Begin with three machines and two nodes in one pool."""
    drain = a_rule("drain_node", terms={"notify": (Channel.TEAMS,)})
    shift = Shift.begin(drain, *(a_kind(kind) for kind in KINDS))
    for number in MACHINES:
        shift.with_machine(vm(number), f"os-{number}", is_quiet=False)
        set_tags(shift, vm(number), {})
    for number in NODES:
        shift.with_node(a_pod(f"first-{number}"), number=number)
        set_tags(shift, instance(number), {})
    return shift


def set_tags(shift: Shift, target: str, tags: dict[str, str]) -> None:
    """Let a person tag a machine; its place in the pool stays."""
    tagged = replace(a_resource(target, tags=tags), pool=SCALE_SET, pool_size=POOL_SIZE)
    shift.world.resources.add(tagged)
    machine = shift.world.compute.machines_by_id.get(target.casefold())
    if machine is not None:
        machine.resource = tagged


def trouble(kind: str, machine: int, number: int, now: datetime) -> Signal:
    """Make an event of one kind about a machine."""
    return a_degradation(
        event_id=f"{kind}-{number}",
        target=vm(machine),
        observed_at=now,
        attributes={"kind": kind},
    )


def notice(node: int, number: int, now: datetime) -> Signal:
    """Make the notice of a reboot."""
    name = f"notice-{number}"
    return a_reboot(node, event_id=name, observed_at=now, deadline=now + 15 * MINUTE)


def is_involuntary(plan: Plan) -> bool:
    """Tell whether the platform made a plan necessary."""
    return plan.signal["type"] in INVOLUNTARY


def base(plan: Plan) -> str:
    """Name the rule whose plan it is, however it came to be."""
    return plan.rule.removesuffix(SAFE)


@dataclass
class Watch:
    """Looks at each plan at the moment at which it is stored.

    Attributes:
        wrong: What was found, in words.
        heard: Every event that was ever sent, acknowledged or not.
        off: Targets that are opted out now.
    """

    shift: Shift
    wrong: list[str] = field(default_factory=list)
    heard: dict[tuple[str, str], Signal] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    seen: int = 0

    def look(self, at: str = "") -> None:
        """Stand at a trap point; a hook of the shift.

        Any one, because a write that was on its way when the process died arrives.
        """
        if len(self.shift.world.ledger.plans) == self.seen:
            return
        plans = self.shift.plans
        for plan in plans[self.seen :]:
            others = [one for one in plans if one.id != plan.id]
            self.wrong += [
                f"{plan.id} of {plan.rule}: {no}" for no in self._said(plan, others)
            ]
        self.seen = len(plans)

    def _said(self, plan: Plan, others: list[Plan]) -> Iterable[str]:
        """Say what speaks against a plan that was stored just now."""
        if any(one.is_open and one.target == plan.target for one in others):
            yield "another plan works on its target"
        if plan.undoes:
            return
        yield from self._persons_word(plan)
        if is_involuntary(plan):
            return
        if self._is_interrupted(plan, others):
            yield "an eviction is under way in its pool"
        if base(plan) in NEEDS_YES:
            yield from self._unallowed(plan, others)
        if plan.rung and not self._may_climb(plan):
            yield "the rung below did not fail"
        mine = [one for one in others if base(one) == plan.rule and not one.undoes]
        law = {LIMITED: self._limited, PROVEN: self._proven, STRUCK: self._struck}
        if plan.rule in law:
            yield from law[plan.rule](plan, mine)

    def _persons_word(self, plan: Plan) -> Iterable[str]:
        subject = Subject(base(plan), (plan.target,))
        for pause in self.shift.world.controls.stored.values():
            if pause.is_in_force(plan.created_at) and pause.scope.covers(subject):
                yield f"paused: {pause.scope}"
        if plan.target in self.off:
            yield "opted out"

    def _is_interrupted(self, plan: Plan, others: list[Plan]) -> bool:
        """Tell whether an eviction is known of: it was opened before, or is counted."""
        now, counted = plan.created_at, self.shift.world.tallies.stored.values()
        tokens = {one.token for tally in counted for one in tally.entries}
        return any(
            one.is_open
            and is_involuntary(one)
            and not one.undoes
            and one.created_at + HOUR > now
            and (one.id in tokens or (not self.shift.crashes and one.created_at < now))
            for one in others
        )

    def _unallowed(self, plan: Plan, others: list[Plan]) -> Iterable[str]:
        """Ask for the yes, or for the silence that allows the safe step alone."""
        questions = self.shift.world.approvals.every()
        asked = plan_id(base(plan), str(plan.signal["event_id"]), plan.target)
        if plan.rule.endswith(SAFE):
            states = [
                settle(q, plan.created_at).state for q in questions if q.plan_id == asked
            ]
            if ApprovalState.EXPIRED not in states or plan.rule != f"{ASKED}{SAFE}":
                yield f"a safe step while its questions are {states}"
            if {r.step.verb for r in plan.steps} != {Verb.SNAPSHOT}:
                yield "more than the safe step"
            return
        found = next((q for q in questions if q.id == plan.approval), None)
        if found is None:
            yield "nobody was asked"
            return
        people = {voice.person for voice in found.voices if voice.is_yes}
        if found.state is not ApprovalState.APPROVED or len(people) < found.quorum:
            yield f"its question is {found.state}, said yes: {people}"
        steps = [record.step for record in plan.steps]
        shown = plan_hash(plan.rule_hash, plan.target, plan.settings, steps)
        if (found.plan_id, found.plan_hash) != (plan.id, shown):
            yield "the yes was to something else"
        if any(one.approval == plan.approval for one in others):
            yield "the yes was used before"

    def _may_climb(self, plan: Plan) -> bool:
        name = rung_name(plan.rule, plan.rung - 1)
        below = plan_id(name, str(plan.signal["event_id"]), plan.target)
        stored = self.shift.world.ledger.plans
        return below in stored and ledger.may_climb(self.shift.world.ledger.plan(below))

    def _limited(self, plan: Plan, mine: list[Plan]) -> Iterable[str]:
        now = plan.created_at
        in_window = {p.target for p in mine if now - HOUR < p.created_at} | {plan.target}
        if len(in_window) > IN_AN_HOUR:
            yield f"{len(in_window)} targets in an hour"
        running = {p.target for p in self.shift.plans if p.is_open and not is_involuntary(p)}
        if len(running | {plan.target}) > AT_ONCE:
            yield f"{len(running)} targets at once"

    def _proven(self, plan: Plan, mine: list[Plan]) -> Iterable[str]:
        now = plan.created_at
        told = [p for p in mine if p.outcome is not PlanOutcome.WITHDRAWN]
        soaked = [
            p
            for p in told
            if p.outcome is PlanOutcome.DONE and p.closed_at and p.closed_at + SOAK <= now
        ]
        recent = [p for p in told if p.closed_at is None or p.closed_at + DAY > now]
        if recent and not soaked:
            yield "the canary has not proven good"
        for tally in self.shift.world.tallies.stored.values():
            since = tally.tripped_at if tally.kind == BREAKER else None
            if since is not None and since < now and tally.canary != plan.id:
                yield "the breaker is open, and another tries"

    def _struck(self, plan: Plan, mine: list[Plan]) -> Iterable[str]:
        now = plan.created_at
        target = plan.target.casefold()
        events = [
            signal
            for (name, about), signal in self.heard.items()
            if about == target and name.startswith(f"{STRUCK}-")
        ]
        own = next(s for s in events if s.event_id == plan.signal["event_id"])
        near = [s for s in events if abs(s.observed_at - own.observed_at) < STRIKES.within]
        if len(near) < STRIKES.count:
            yield f"{len(near)} strikes"
        paid = [p for p in mine if now - MONEY.within < p.created_at]
        if (len(paid) + 1) * MONEY.each > MONEY.limit:
            yield f"{len(paid) + 1} plans paid for"
