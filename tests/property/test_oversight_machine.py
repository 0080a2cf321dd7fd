"""Any night under supervision: limits, canaries, ladders, strikes, and people who decide.

What a plan must have had to be opened is in ``oversight_night``; here is who interferes.
``NIGHTSHIFT_MACHINE_RUNS`` says how many nights, of forty steps each.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shared.adapters.table_rows import event_of
from shared.core import ledger, tallies
from shared.core.approvals import ApprovalState, Refused, Voice
from shared.core.decisions import Reason
from shared.core.errors import InvalidTarget, RetryLater
from shared.core.notices import NoticeKind
from shared.core.pauses import Scope
from shared.core.plans import target_hash
from shared.core.signals import Signal
from shared.engine import consenting, events, pausing
from shared.engine.breaker_reset import reset_breaker
from shared.engine.pausing import Person
from shared.engine.plan_notices import PlanNotices
from tests.builders import HOUR, MINUTE, SECOND, canceled, disk, instance
from tests.crash.stories import assert_settled
from tests.fakes.ledger import Crash
from tests.property import oversight_night as night
from tests.shift import BUDGET, Shift

RUNS = int(os.environ.get("NIGHTSHIFT_MACHINE_RUNS", "25"))
STEPS = 40
ADA = Person("ada", is_verified=True, subject="ada")
NEVER_FOR_EVICTIONS = frozenset(
    {
        Reason.BLAST_RADIUS,
        Reason.STORM,
        Reason.BREAKER_OPEN,
        Reason.BUDGET_SPENT,
        Reason.CANARY,
        Reason.CANARY_FAILED,
        Reason.COOLDOWN,
        Reason.FROZEN,
        Reason.POOL_INTERRUPTED,
        Reason.AWAITING_APPROVAL,
        Reason.REJECTED_BY_PERSON,
        Reason.APPROVAL_EXPIRED,
    }
)
FINAL = frozenset(
    {
        ApprovalState.REJECTED,
        ApprovalState.EXPIRED,
        ApprovalState.USED,
        ApprovalState.VOID,
    }
)
machines = st.sampled_from(night.MACHINES)
nodes = st.sampled_from(night.NODES)
kinds = st.sampled_from(night.KINDS)
twice = st.sampled_from([0, 1])
waits = st.sampled_from([SECOND, MINUTE, 30 * MINUTE, 3 * HOUR])
budgets = st.sampled_from([timedelta(0), BUDGET])
scopes = st.sampled_from(["global", f"rule:{night.ASKED}", f"rule:{night.LIMITED}"])


CHANGES = (
    "tag",
    "untag",
    "tag node",
    "untag node",
    "start",
    "shut down",
    "attach",
    "detach",
    "no room",
    "room",
)


class Oversight(RuleBasedStateMachine):
    """Three machines and two nodes in one pool, eight rules, and everybody else."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = Shift.begin()
        self.closed: dict[str, object] = {}
        self.answered: dict[str, tuple[ApprovalState, tuple[Voice, ...]]] = {}
        self.unacknowledged: list[Signal] = []
        self.requests = 0
        self.rows_seen = 0

    @initialize()
    def a_pool(self) -> None:
        """Begin with everything quiet."""
        self.shift = night.begin()
        world = self.shift.world
        self.shift.with_sinks(PlanNotices(world.ledger, world.notices))  # type: ignore[arg-type]
        self.watch = night.Watch(self.shift)
        self.shift.hooks.append(self.watch.look)

    # the senders

    def said(self, signal: Signal) -> Signal:
        """Return an event as it was said first: sent again it is the same."""
        name = (signal.event_id, signal.target.casefold())
        return self.watch.heard.setdefault(name, signal)

    @rule(kind=kinds, machine=machines, number=twice, budget=budgets)
    def trouble(self, kind: str, machine: int, number: int, budget: timedelta) -> None:
        """Something is said of a machine, perhaps again; if it is lost the sender keeps it."""
        self.send(self.said(night.trouble(kind, machine, number, self.shift.now)), budget)

    @rule(
        kind=kinds, numbers=st.permutations([(n, i) for n in night.MACHINES for i in (0, 1)])
    )
    def storm(self, kind: str, numbers: list[tuple[int, int]]) -> None:
        """Everything of one kind is said at the same moment, in as many instances."""
        now = self.shift.now
        signals = [self.said(night.trouble(kind, n, i, now)) for n, i in numbers]

        async def together() -> None:
            said = (events.hear(self.shift.night, [s], budget=timedelta(0)) for s in signals)
            await asyncio.gather(*said)

        try:
            self.shift.invoke(together())
        except (Crash, RetryLater):
            self.unacknowledged += signals

    @rule(node=nodes, number=twice, budget=budgets)
    def notice(self, node: int, number: int, budget: timedelta) -> None:
        """The platform announces a reboot, perhaps again."""
        self.send(self.said(night.notice(node, number, self.shift.now)), budget)

    @precondition(lambda self: self.watch.heard)
    @rule(data=st.data(), budget=budgets)
    def take_back(self, data: st.DataObject, budget: timedelta) -> None:
        """An incident is over."""
        name = data.draw(st.sampled_from(sorted(self.watch.heard)))
        self.send(canceled(self.watch.heard[name]), budget)

    @precondition(lambda self: self.unacknowledged)
    @rule()
    def send_again(self) -> None:
        """A sender repeats what was not acknowledged."""
        self.send(self.unacknowledged.pop(0), BUDGET)

    def send(self, signal: Signal, budget: timedelta) -> None:
        """Send one event."""
        if not self.shift.send(signal, budget=budget):
            self.unacknowledged.append(signal)

    # the host

    @rule(span=waits, is_at_work=st.booleans())
    def wait(self, span: timedelta, is_at_work: bool) -> None:
        """Time passes; the host does its work, or nobody does anything."""
        (self.shift.wait if is_at_work else self.shift.move)(span)

    @rule()
    def poll(self) -> None:
        """The host hands out what is visible."""
        self.shift.poll()

    @rule()
    def sweep(self) -> None:
        """The timer that resumes plans, and ends questions, fires."""
        try:
            self.shift.sweep()
        except Crash:
            return

    @rule()
    def export(self) -> None:
        """The timer that tells people of plans fires."""
        try:
            self.shift.export()
        except Crash:
            gc.collect()  # what it would still have begun, while that is no surprise

    @rule(point=st.integers(1, 12))
    def die_soon(self, point: int) -> None:
        """The process will die at one of the next points."""
        self.shift.die_at.add(len(self.shift.passed) + point)

    # people

    @precondition(lambda self: self.shift.world.approvals.rows)
    @rule(
        data=st.data(),
        people=st.sampled_from([("ada",), ("grace",), ("ada", "grace"), ("ada", "ada")]),
        is_yes=st.sampled_from([True, True, True, False]),
    )
    def decide(self, data: st.DataObject, people: tuple[str, ...], is_yes: bool) -> None:
        """Somebody answers what is open, one or two of them, perhaps in one name."""
        every = self.shift.world.approvals.every()
        pending = [q.id for q in every if q.state is ApprovalState.PENDING]
        asked = data.draw(st.sampled_from(sorted(pending or (q.id for q in every))))
        for person in people:
            self.say(asked, person, is_yes=is_yes)

    @precondition(lambda self: self.answered)
    @rule(data=st.data(), is_yes=st.booleans())
    def decide_again(self, data: st.DataObject, is_yes: bool) -> None:
        """Somebody answers what has ended."""
        self.say(data.draw(st.sampled_from(sorted(self.answered))), "grace", is_yes=is_yes)

    def say(self, asked: str, person: str, *, is_yes: bool) -> None:
        """Say one word; it may be lost, and may be refused."""
        voice = Voice(person, is_yes, "so", "page", self.shift.now, True, person)
        try:
            self.shift.invoke(consenting.decide(self.shift.night, asked, voice))
        except (Crash, Refused):
            return

    @rule(scope=scopes)
    def pause(self, scope: str) -> None:
        """Somebody says stop, for an hour."""
        self.requests += 1
        stop = pausing.pause(
            self.shift.night,
            Scope.parse(scope),
            who=ADA,
            reason="moving",
            expires_in=HOUR,
            request_id=f"r-{self.requests}",
        )
        self.ask(stop)

    @rule()
    def lift(self) -> None:
        """Somebody says go on."""
        for name in list(self.shift.world.controls.stored):
            self.ask(pausing.lift(self.shift.night, name, who=ADA))

    @rule(is_dry_run=st.booleans())
    def reset(self, is_dry_run: bool) -> None:
        """Somebody resets whatever breaker is open."""
        for key in list(self.shift.world.tallies.stored):
            self.requests += 1
            name = f"r-{self.requests}"
            work = reset_breaker(
                self.shift.night, key, who=ADA, request_id=name, is_dry_run=is_dry_run
            )
            self.ask(work)

    def ask(self, work: object) -> None:
        """Let a person's request be worked on; it may die, and may be refused."""
        try:
            self.shift.invoke(work)  # type: ignore[arg-type]
        except (Crash, InvalidTarget):
            return

    @rule(machine=machines, node=nodes, what=st.sampled_from(CHANGES))
    def change_something(self, machine: int, node: int, what: str) -> None:
        """Somebody does something to a machine, or takes it back; the plan may change."""
        disks = (disk(f"os-{machine}"), disk(f"data-{machine}"))
        found = self.shift.world.compute.machines_by_id[night.vm(machine).casefold()]
        match what:
            case "tag" | "untag":
                self.tag(night.vm(machine), is_off=what == "tag")
            case "tag node" | "untag node":
                self.tag(instance(node), is_off=what == "tag node")
            case "start" | "shut down":
                found.power = "running" if what == "start" else "deallocated"
            case "attach" | "detach":
                found.disks = disks if what == "attach" else disks[:1]
            case _:
                fails = "no room on any host" if what == "no room" else ""
                self.shift.world.compute.redeploy_fails = fails

    def tag(self, target: str, *, is_off: bool) -> None:
        """Set or take off the tag."""
        night.set_tags(self.shift, target, {"nightshift": "off"} if is_off else {})
        (self.watch.off.add if is_off else self.watch.off.discard)(target)

    # what is true at every moment

    @invariant()
    def every_plan_was_allowed_when_it_was_opened(self) -> None:
        """By the limits, the people and the order of things; see ``oversight_night``."""
        if hasattr(self, "watch"):
            self.watch.look()
            assert [] == self.watch.wrong, self.watch.wrong

    @invariant()
    def at_most_one_plan_works_on_a_target(self) -> None:
        """And it is the one that the ledger names, and the sweep can find it."""
        stored = self.shift.world.ledger
        running = [plan for plan in self.shift.plans if plan.is_open]
        taken = Counter(target_hash(plan.target) for plan in running)
        assert not taken or max(taken.values()) == 1
        assert {plan.id for plan in running} <= stored.index.keys()
        named = {head.in_flight for head in stored.heads.values()} - {""}
        assert {plan.id for plan in running} == named

    @invariant()
    def a_closed_plan_stays_as_it_is(self) -> None:
        """Nothing reopens it, nothing rewrites it."""
        rows = self.shift.world.ledger.plans
        for name, row in self.closed.items():
            assert row == rows[name]
        self.closed = {plan.id: rows[plan.id] for plan in self.shift.plans if not plan.is_open}

    @invariant()
    def an_answered_question_stays_answered(self) -> None:
        """Nobody is heard after it; what is open has an end."""
        for one in self.shift.world.approvals.every():
            assert one.expires_at > one.asked_at
            before = self.answered.get(one.id)
            if before is not None:
                state, voices = before
                assert voices == one.voices
                assert state is one.state or state not in FINAL
                assert one.state is not ApprovalState.PENDING
            if one.state is not ApprovalState.PENDING:
                self.answered[one.id] = (one.state, one.voices)

    @invariant()
    def no_eviction_is_held_by_what_is_counted(self) -> None:
        """Nor by cooldown, freeze or a question."""
        rows = list(self.shift.world.ledger.events.values())
        new, self.rows_seen = rows[self.rows_seen :], len(rows)
        for row in new:
            record = event_of(row)
            if record.event_id.startswith("notice-"):
                said = {str(decision["reason"]) for decision in record.decisions}
                assert not said & NEVER_FOR_EVICTIONS, record

    @invariant()
    def each_event_is_one_strike(self) -> None:
        """However often it came."""
        for tally in self.shift.world.tallies.stored.values():
            tokens = [one.token for one in tally.entries]
            assert len(tokens) == len(set(tokens))
            if tally.kind == tallies.STRIKES:
                known = {tallies.event_token(s.event_id, s.target) for s in self.heard()}
                assert set(tokens) <= known

    def heard(self) -> list[Signal]:
        """Return every event that was ever said."""
        return list(self.watch.heard.values())

    # what is true when all is over

    def teardown(self) -> None:
        """Let everything be sent again, run out and be told; then look at what is left."""
        if not hasattr(self, "watch"):
            return
        self.shift.die_at.clear()
        while self.unacknowledged:
            self.shift.deliver(self.unacknowledged.pop(0))
        self.run_out()
        self.every_plan_was_allowed_when_it_was_opened()
        self.a_closed_plan_stays_as_it_is()
        self.an_answered_question_stays_answered()
        assert_settled(self.shift)
        self.nothing_was_forgotten()
        self.what_is_counted_agrees_with_the_ledger()
        self.every_end_is_told_once()

    def run_out(self) -> None:
        """Let the host work until no message, no plan and no question is left."""
        world, until = self.shift.world, self.shift.now + timedelta(days=4)
        while world.queue.waiting or world.ledger.index or self.unsettled():
            assert self.shift.now < until, (world.queue.waiting, self.unsettled())
            self.shift.sweep()
            self.shift.wait(HOUR)
        self.shift.move(tallies.STALE)

    def unsettled(self) -> list[str]:
        """Name the questions of which anything is left to do."""
        return [one.id for one in self.shift.world.approvals.every() if not one.is_settled]

    def nothing_was_forgotten(self) -> None:
        """Each event has its record, and each rung that failed asked for the next."""
        for signal in self.heard():
            assert self.shift.records(signal.event_id), signal
        for plan in self.shift.plans:
            if plan.rule == night.CLIMBING and not plan.rung and ledger.may_climb(plan):
                heard = self.shift.records(str(plan.signal["event_id"]))
                mine = [r.phase for r in heard if r.target == plan.target]
                assert any("+rung2" in phase for phase in mine), plan

    def what_is_counted_agrees_with_the_ledger(self) -> None:
        """What looks open is stale, so that whoever is refused by it has it repaired."""
        plans = {plan.id: plan for plan in self.shift.plans}
        for tally in self.shift.world.tallies.stored.values():
            if tally.kind in {tallies.STRIKES, tallies.BREAKER}:
                continue
            stale = tallies.stale_tokens(tally, self.shift.now)
            for one in tally.entries:
                if one.is_open:
                    assert one.token in stale, (tally.key, one)
                else:
                    assert plans[one.token].outcome == one.outcome

    def every_end_is_told_once(self) -> None:
        """Of each plan one notice that it began and one of how it ended, and nothing more."""
        stored: dict[str, datetime] = self.shift.world.ledger.pointers  # type: ignore[assignment]
        for _ in range(6):
            self.shift.export()
            self.shift.move(10 * MINUTE)
        assert {} == stored
        told = Counter(
            (one.plan_id, one.kind)
            for one in self.shift.world.notices.posted.values()
            if one.kind in {NoticeKind.OPENED, NoticeKind.CLOSED}
        )
        wanted = {
            (plan.id, kind)
            for plan in self.shift.plans
            if plan.channels
            for kind in (NoticeKind.OPENED, NoticeKind.CLOSED)
        }
        assert Counter(wanted) == told


Oversight.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, print_blob=False
)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
class TestAnyNightUnderSupervision(Oversight.TestCase):  # type: ignore[misc]
    """Play them."""
