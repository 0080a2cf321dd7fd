"""The breaker's life as a story: failures, waits, canaries, restarts and resets at will."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.adapters.tally_rows import tally_of, tally_row
from shared.core import breakers, guardrails
from shared.core.contexts import Context
from shared.core.decisions import Hold, Reason
from shared.core.reservations import ended, heard, reserve
from shared.core.tallies import Tally, event_token, release
from tests.builders import HOUR, MINUTE, NOW, a_degradation, a_notice, instance
from tests.tallying import FAILURES_OF_POOL, a_breaker, counted

TERMS = a_breaker(count=3, within=10 * MINUTE, wait=15 * MINUTE)
NUMBERS = st.integers(1, 6)
WAITS = st.sampled_from([MINUTE, 5 * MINUTE, 15 * MINUTE])


class BreakerStory(RuleBasedStateMachine):
    """One place, its stored tally, and what a person would say is true of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.stored = Tally(FAILURES_OF_POOL)
        self.running: set[str] = set()
        self.heard: set[str] = set()
        self.events = 0

    def context(self, number: int, *, is_new: bool) -> Context:
        self.events += is_new
        event = f"e-{self.events if is_new else number}-{number}"
        signal = a_degradation(event_id=event, target=instance(number), observed_at=self.now)
        context = counted(self.stored, signal=signal, breaker=TERMS)
        return replace(context, now=self.now)

    def judge(self, context: Context) -> Hold | None:
        answer = guardrails.breaker(context)
        changed = heard(context) if answer else reserve(context)
        for tally in changed:
            if tally.key == FAILURES_OF_POOL:
                self.stored = tally
        self.heard.add(event_token(context.signal.event_id, context.signal.target))
        return answer

    @rule(number=NUMBERS)
    def a_machine_fails(self, number: int) -> None:
        """Its event is judged; what passes in the open is the one canary."""
        was = self.stored
        context = self.context(number, is_new=True)
        answer = self.judge(context)
        if answer is None and was.tripped_at is not None:
            assert was.canary in {"", context.plan_id}
            self.running.add(context.plan_id)
        if answer is not None and answer.reason is Reason.STORM:
            assert was.tripped_at is None
            assert self.stored.tripped_at == self.now

    @rule(number=NUMBERS)
    def a_held_event_is_heard_again(self, number: int) -> None:
        """By its reminder, or redelivered: no second failure."""
        if not self.stored.entries:
            return
        one = self.stored.entries[number % len(self.stored.entries)]
        signal = a_degradation(event_id=one.event, target=one.target, observed_at=one.at)
        context = replace(
            counted(self.stored, signal=signal, breaker=TERMS, plan_id=f"p-{one.token}"),
            now=self.now,
        )
        before, was = len(self.stored.entries), self.stored
        answer = self.judge(context)
        assert before == len(self.stored.entries)
        if answer is None and was.tripped_at is not None:
            self.running.add(context.plan_id)

    @rule(span=WAITS)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @rule()
    def the_app_restarts(self) -> None:
        """In mid-storm too: what was stored is all there is, and it is all of it."""
        row = tally_row(self.stored)
        back = tally_of(row, self.stored.etag)
        assert self.stored == back
        self.stored = back

    @precondition(lambda self: self.running)
    @rule(outcome=st.sampled_from(["done", "failed", "unknown", "withdrawn"]))
    def the_canary_ends(self, outcome: str) -> None:
        """Done closes it; anything else keeps it open for another wait."""
        plan = min(self.running)
        self.running.discard(plan)
        was = self.stored
        self.stored = ended(self.stored, plan, outcome, self.now)
        if was.canary != plan:
            assert was is self.stored
        elif outcome == "done":
            assert self.stored.tripped_at is None
            began = was.canary_at
            assert not [e for e in self.stored.entries if e.is_open and e.at <= began]
        else:
            assert breakers.tries_at(self.stored, TERMS) >= self.now + TERMS.wait

    @precondition(lambda self: self.running)
    @rule()
    def the_canary_was_never_opened(self) -> None:
        """A crash between the reservation and the plan: its place is given back."""
        plan = min(self.running)
        self.running.discard(plan)
        self.stored = release(self.stored, plan)

    @rule(seen=st.sets(NUMBERS))
    def a_person_resets(self, seen: set[int]) -> None:
        """After a fresh look: it closes exactly if what is true still is no storm."""
        targets = {instance(number).casefold() for number in seen}
        still = {e.token for e in self.stored.entries if e.target in targets and e.is_open}
        was = self.stored
        self.stored = breakers.reset(was, still, self.now)
        left = {e.target for e in self.stored.entries if e.is_open}
        assert left <= targets
        if was.tripped_at is not None:
            assert (self.stored.tripped_at is None) is (len(left) < was.threshold)
        if self.stored.tripped_at is None:
            self.running.clear()

    @invariant()
    def nothing_that_was_heard_is_forgotten(self) -> None:
        """Forgiven or not, within the month it stays written down."""
        assert self.heard == {one.token for one in self.stored.entries}

    @invariant()
    def never_more_than_one_canary(self) -> None:
        """And only while it is open."""
        assert len(self.running) <= 1
        if self.stored.canary:
            assert self.stored.tripped_at is not None

    @invariant()
    def while_it_is_open_nothing_voluntary_passes_but_the_canary(self) -> None:
        """Whoever asks, and however often; a notice of the platform always passes."""
        if self.stored.tripped_at is None:
            return
        context = replace(self.context(6, is_new=False), plan_id="another")
        due = breakers.tries_at(self.stored, TERMS)
        if self.stored.canary or (due and self.now < due):
            assert guardrails.breaker(context) is not None
        notice = replace(context, signal=a_notice(6, deadline=self.now + HOUR))
        assert guardrails.ask(notice) is None


BreakerStory.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestBreakerStory = BreakerStory.TestCase
