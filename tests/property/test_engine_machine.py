"""Any night whatever: deliveries, crashes, waits and people, in any order.

``NIGHTSHIFT_MACHINE_RUNS`` says how many nights; thousands find what hundreds do not,
and each finding becomes a directed test.

One thing people can do is left out, because the cluster does not show it: to uncordon a
node that we cordoned and then to cordon it again, which looks as if they had done nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shared.core.errors import RetryLater
from shared.core.plans import plan_id, target_hash
from shared.core.signals import Phase, Signal
from shared.engine import events
from shared.engine.carry_out import FRESH_FOR
from tests.builders import MINUTE, SECOND, a_pod, a_reboot, a_rule, canceled, instance, started
from tests.crash.stories import assert_settled
from tests.fakes.ledger import Crash
from tests.shift import BUDGET, Shift

RUNS = int(os.environ.get("NIGHTSHIFT_MACHINE_RUNS", "60"))
NUMBERS = (29, 30)
INCIDENTS = ("e-1", "e-2")
PHASES = (lambda signal: signal, started, canceled)
numbers = st.sampled_from(NUMBERS)
signals = st.builds(
    lambda number, incident, phase: phase(a_reboot(number, event_id=incident)),
    numbers,
    st.sampled_from(INCIDENTS),
    st.sampled_from(PHASES),
)
waits = st.sampled_from([SECOND, 5 * SECOND, 30 * SECOND, 5 * MINUTE])
budgets = st.sampled_from([timedelta(0), BUDGET])
OFF = {"nightshift": "off"}


class Night(RuleBasedStateMachine):
    """Two machines, two incidents, and everybody who may interfere."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = Shift.begin(a_rule())
        self.closed: dict[str, object] = {}
        self.unacknowledged: list[Signal] = []
        self.taken_back: set[tuple[str, int]] = set()
        self.off_since: dict[int, datetime] = {}
        self.cordoned_by_hand: set[int] = set()
        self.pods = 0
        self.effects_seen = 0

    @initialize(blocks=st.integers(0, 2))
    def two_nodes(self, blocks: int) -> None:
        """Begin with a pod on each, held back so often by its budget."""
        for number in NUMBERS:
            self.shift.with_node(a_pod(f"first-{number}"), number=number, blocks=blocks)

    # the senders

    @rule(signal=signals, budget=budgets)
    def deliver(self, signal: Signal, budget: timedelta) -> None:
        """One event arrives, perhaps again; if it is lost the sender keeps it."""
        if self.shift.send(signal, budget=budget):
            self.heard(signal)
        else:
            self.unacknowledged.append(signal)

    @rule(one=signals, other=signals, budget=budgets)
    def deliver_together(self, one: Signal, other: Signal, budget: timedelta) -> None:
        """Two events arrive at the same moment in two instances."""

        async def both() -> None:
            await asyncio.gather(
                events.hear(self.shift.night, [one], budget=budget),
                events.hear(self.shift.night, [other], budget=BUDGET),
            )

        try:
            self.shift.invoke(both())
        except (Crash, RetryLater):
            self.unacknowledged += [one, other]
        else:
            self.heard(one)
            self.heard(other)

    @precondition(lambda self: self.unacknowledged)
    @rule()
    def send_again(self) -> None:
        """A sender repeats what was not acknowledged."""
        self.deliver(self.unacknowledged.pop(0), BUDGET)

    def heard(self, signal: Signal) -> None:
        """Remember what was acknowledged as taken back."""
        if signal.phase is Phase.CANCELED:
            number = int(signal.target.rsplit("/", 1)[1])
            self.taken_back.add((signal.event_id, number))

    # the host

    @rule(span=waits)
    def wait(self, span: timedelta) -> None:
        """Time passes and nobody does anything."""
        self.shift.move(span)

    @rule()
    def poll(self) -> None:
        """The host hands out what is visible."""
        self.shift.poll()

    @rule()
    def sweep(self) -> None:
        """The timer fires."""
        try:
            self.shift.sweep()
        except Crash:
            return

    @rule(point=st.integers(1, 8))
    def die_soon(self, point: int) -> None:
        """The process will die at one of the next points."""
        self.shift.die_at.add(len(self.shift.passed) + point)

    # people

    @rule(number=numbers)
    def uncordon(self, number: int) -> None:
        """Somebody runs kubectl uncordon."""
        self.cordoned_by_hand.discard(number)
        self.shift.set_node(replace(self.shift.node(number), is_unschedulable=False), number)

    @rule(number=numbers)
    def cordon(self, number: int) -> None:
        """Somebody runs kubectl cordon, which changes nothing on a cordoned node."""
        node = self.shift.node(number)
        if node.is_unschedulable or node.cordoned_by:
            return
        self.cordoned_by_hand.add(number)
        self.shift.set_node(replace(node, is_unschedulable=True), number)

    @rule(number=numbers)
    def tag_off(self, number: int) -> None:
        """Somebody opts a machine out."""
        self.off_since.setdefault(number, self.shift.now)
        self.shift.set_tags(instance(number), OFF)

    @rule(number=numbers)
    def tag_on(self, number: int) -> None:
        """Somebody lets us act on it again."""
        self.off_since.pop(number, None)
        self.shift.set_tags(instance(number), {})

    @rule(number=numbers, blocks=st.integers(0, 1))
    def schedule(self, number: int, blocks: int) -> None:
        """A pod lands on a node that takes work."""
        node = self.shift.node(number)
        if not node.is_unschedulable:
            self.pods += 1
            pod = a_pod(f"pod-{self.pods}-{number}")
            self.shift.world.cluster.run(pod, node, blocks=blocks)

    # what is true at every moment

    @invariant()
    def at_most_one_plan_works_on_a_target(self) -> None:
        """And it is the one that the ledger names, and the sweep can find it."""
        ledger = self.shift.world.ledger
        running = [plan for plan in self.shift.plans if plan.is_open]
        taken = Counter(plan.target for plan in running)
        assert not taken or max(taken.values()) == 1
        assert {plan.id for plan in running} <= ledger.index.keys()
        named = {head.in_flight for head in ledger.heads.values()} - {""}
        assert {plan.id for plan in running} == named
        for plan in running:
            assert plan.id == ledger.heads[target_hash(plan.target)].in_flight

    @invariant()
    def a_closed_plan_stays_as_it_is(self) -> None:
        """Nothing reopens it, nothing rewrites it."""
        rows = self.shift.world.ledger.plans
        for name, row in self.closed.items():
            assert row == rows[name]
        for plan in self.shift.plans:
            if not plan.is_open:
                self.closed.setdefault(plan.id, rows[plan.id])

    @invariant()
    def no_pod_is_evicted_twice(self) -> None:
        """By its uid, whatever died in between."""
        evicted = Counter(self.shift.done("evict"))
        assert not evicted or max(evicted.values()) == 1

    @invariant()
    def what_is_off_is_not_touched(self) -> None:
        """From the moment after which the tag must have been read; undoing may go on."""
        new = self.shift.world.effects[self.effects_seen :]
        self.effects_seen = len(self.shift.world.effects)
        for number, since in self.off_since.items():
            if self.shift.now > since + FRESH_FOR:
                touched = [e for e in new if e[0] != "uncordon" and e[1].endswith(str(number))]
                assert [] == touched

    # what is true when all is quiet

    def teardown(self) -> None:
        """Let everything be sent again and worked off; then look at what is left."""
        self.shift.die_at.clear()
        while self.unacknowledged:
            signal = self.unacknowledged.pop(0)
            self.shift.deliver(signal)
            self.heard(signal)
        self.shift.run_until_quiet()
        assert_settled(self.shift)
        self.no_pod_is_evicted_twice()
        for number in NUMBERS:
            node = self.shift.node(number)
            gone = {
                plan_id("drain-node", incident, instance(number))
                for incident, where in self.taken_back
                if where == number
            }
            assert not gone & set(node.cordoned_by), "a cordon of ours was left behind"
            is_held = bool(node.cordoned_by) or number in self.cordoned_by_hand
            assert is_held or not node.is_unschedulable, "unschedulable for nobody"
            if number in self.cordoned_by_hand:
                assert node.is_unschedulable, "a person's cordon was taken off"


Night.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=30, deadline=None, print_blob=False
)


class TestAnyNight(Night.TestCase):  # type: ignore[misc]
    """Play them."""
