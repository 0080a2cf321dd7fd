"""Laws of what is counted: never more than the limit, in any order, however interleaved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.core import guardrails
from shared.core.contexts import Context
from shared.core.decisions import Hold, Reason
from shared.core.limits import most
from shared.core.reservations import ended, heard, reserve, tally_keys
from shared.core.tallies import Entry, Tally, fold, kept
from shared.core.terms import Budget, Canary, Limit, LimitScope, Money
from tests.builders import HOUR, MINUTE, NOW, a_degradation, instance
from tests.tallying import PLANS_ON_POOL, a_breaker, begun, counted, pool_tally

SCOPES = [s for s in LimitScope if s is not LimitScope.TARGET]
WINDOWS = st.sampled_from([None, 10 * MINUTE, HOUR])
LIMITS = st.builds(
    Limit,
    scope=st.sampled_from(SCOPES),
    count=st.none() | st.integers(0, 6),
    percent=st.none() | st.floats(0, 100).map(lambda share: round(share, 2)),
    at_least=st.none() | st.integers(0, 2),
    at_most=st.none() | st.integers(2, 5),
    within=WINDOWS,
)
ENTRIES = st.lists(
    st.builds(
        lambda number, ago, is_over: Entry(
            f"plan-{number}",
            fold(instance(number % 6)),
            NOW - timedelta(minutes=ago),
            ended_at=NOW if is_over else None,
            outcome="done" if is_over else "",
            rule="repair",
        ),
        st.integers(2, 40),
        st.integers(0, 90),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda entry: entry.token,
)


@dataclass
class Store:
    """Conditional writes as the table makes them."""

    rows: dict[str, Tally] = field(default_factory=dict)
    writes: int = 0

    def read(self, keys: Iterable[str]) -> dict[str, Tally]:
        return {key: self.rows.get(key, Tally(key)) for key in keys}

    def save(self, tally: Tally) -> bool:
        if tally.etag != self.rows.get(tally.key, Tally(tally.key)).etag:
            return False
        self.writes += 1
        self.rows[tally.key] = replace(tally, etag=str(self.writes))
        return True


@dataclass
class Worker:
    """One delivery: each ``go_on`` is one read or one write, between which others work."""

    store: Store
    context: Context
    pending: list[Tally] = field(default_factory=list)
    answer: object = "not asked yet"
    is_done: bool = False
    has_read: bool = False

    def go_on(self) -> None:
        if not self.has_read:
            read = self.store.read(tally_keys(self.context))
            self.context = replace(self.context, tallies=read)
            self.answer = guardrails.ask(self.context)
            no = self.answer is not None
            self.pending = list(heard(self.context) if no else reserve(self.context))
            self.has_read = True
        elif self.pending and not self.store.save(self.pending.pop(0)):
            self.pending, self.has_read = [], False
        self.is_done = self.has_read and not self.pending


def run(workers: list[Worker], order: Iterable[int]) -> None:
    """Let them go on in some order, then each to its end."""
    for number in order:
        worker = workers[number % len(workers)]
        if not worker.is_done:
            worker.go_on()
    for worker in workers:
        while not worker.is_done:
            worker.go_on()


def asking(number: int, **fields) -> Context:
    signal = a_degradation(event_id=f"e-{number}", target=instance(number))
    return counted(signal=signal, **fields)


@given(
    limits=st.lists(LIMITS, min_size=1, max_size=3).map(tuple),
    events=st.lists(st.integers(0, 11), min_size=1, max_size=14),
    order=st.lists(st.integers(0, 13), max_size=60),
    size=st.integers(1, 40),
)
def test_never_more_targets_are_acted_on_than_any_limit_allows(limits, events, order, size):
    """Whatever the order of arrival and of each read and write, duplicates among them."""
    store = Store()
    workers = [
        Worker(store, asking(number, limits=limits, pool_size=size)) for number in events
    ]
    run(workers, order)
    acted = {w.context.target for w in workers if w.answer is None}
    for limit in limits:
        allowed = most(limit, size)
        assert allowed is not None
        assert len(acted) <= allowed


@given(
    count=st.integers(0, 6),
    events=st.lists(st.integers(0, 11), min_size=1, max_size=14),
    order=st.lists(st.integers(0, 13), max_size=60),
)
def test_and_never_fewer_where_there_is_one_limit(count, events, order):
    """Who collides asks again: a limit of ten that lets nine act keeps a machine broken."""
    store = Store()
    limits = (Limit(LimitScope.POOL, count=count, within=HOUR),)
    workers = [Worker(store, asking(number, limits=limits)) for number in events]
    run(workers, order)
    acted = {w.context.target for w in workers if w.answer is None}
    assert min(count, len(set(events))) == len(acted)
    tokens = [one.token for one in store.read([PLANS_ON_POOL])[PLANS_ON_POOL].entries]
    assert len(acted) == len(tokens) == len(set(tokens))


@given(
    events=st.lists(st.integers(0, 11), min_size=1, max_size=14),
    order=st.lists(st.integers(0, 13), max_size=60),
    first=st.integers(1, 3),
)
def test_never_more_canaries_than_are_to_go_first(events, order, first):
    """A new rule's first second is where it does most harm."""
    store = Store()
    terms = Canary(first, HOUR, 24 * HOUR)
    workers = [Worker(store, asking(number, canary=terms)) for number in events]
    run(workers, order)
    acted = {w.context.plan_id for w in workers if w.answer is None}
    assert min(first, len(set(events))) == len(acted)


@given(
    events=st.lists(st.integers(0, 11), min_size=1, max_size=14),
    order=st.lists(st.integers(0, 13), max_size=60),
    limit=st.integers(0, 30),
)
def test_never_more_is_spent_than_the_budget_holds(events, order, limit):
    """Three a plan, in whatever order they come."""
    store = Store()
    budget = Budget(None, HOUR, Money(limit, 3, HOUR))
    workers = [Worker(store, asking(number, budget=budget)) for number in events]
    run(workers, order)
    acted = {w.context.plan_id for w in workers if w.answer is None}
    assert 3 * len(acted) <= limit or not acted
    assert min(limit // 3, len(set(events))) == len(acted)


@given(
    events=st.lists(st.integers(0, 11), min_size=1, max_size=14),
    order=st.lists(st.integers(0, 13), max_size=60),
    count=st.integers(1, 6),
)
def test_a_storm_stops_at_its_threshold_in_any_order(events, order, count):
    """The plans before it are fewer than the threshold, and every failure is written down."""
    store = Store()
    breaker = a_breaker(count=count)
    workers = [Worker(store, asking(number, breaker=breaker)) for number in events]
    run(workers, order)
    acted = {w.context.plan_id for w in workers if w.answer is None}
    assert len(acted) <= count - 1
    (key,) = [key for key in store.rows if key.startswith("breaker")]
    assert set(events) == {
        int(one.event.removeprefix("e-")) for one in store.rows[key].entries
    }
    assert (len(set(events)) >= count) is (store.rows[key].tripped_at is not None)


def judged(entries: list[Entry], limit: Limit, size: int, now: datetime):
    """Ask one limit at a moment about a machine that nothing was done to."""
    context = counted(
        pool_tally(*entries), limits=(limit,), signal=a_degradation(target=instance(50))
    )
    tallies = {
        key: replace(context.tallies[PLANS_ON_POOL], key=key) for key in context.tallies
    }
    later = replace(context, now=now, tallies=tallies, pool_size=size)
    return guardrails.blast_radius(later)


@given(ENTRIES, LIMITS, st.integers(0, 40), st.timedeltas(timedelta(0), 3 * HOUR))
def test_waiting_never_turns_a_yes_into_a_hold(entries, limit, size, waited):
    """If nothing else happens, windows only get emptier."""
    assume(judged(entries, limit, size, NOW) is None)
    assert judged(entries, limit, size, NOW + waited) is None


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=8),
    st.integers(1, 4),
    st.sampled_from([10 * MINUTE, HOUR]),
)
def test_a_hold_of_a_window_acts_at_its_moment_and_not_before(minutes, count, within):
    """Looking again earlier is wasted, later is late."""
    entries = [begun(n, timedelta(minutes=ago)) for n, ago in enumerate(minutes, 2)]
    limit = Limit(LimitScope.POOL, count=count, within=within)
    answer = judged(entries, limit, 40, NOW)
    if answer is None:
        assert count > sum(1 for ago in minutes if timedelta(minutes=ago) < within)
        return
    assert answer.until is not None
    assert judged(entries, limit, 40, answer.until) is None
    assert judged(entries, limit, 40, answer.until - timedelta(microseconds=1)) is not None


@given(ENTRIES, st.sampled_from(SCOPES), WINDOWS)
def test_nothing_allowed_blocks_all(entries, scope, within):
    """0 is 0, of a count and of a percentage."""
    for limit in (
        Limit(scope, count=0, within=within),
        Limit(scope, percent=0, within=within),
    ):
        answer = judged(entries, limit, 40, NOW)
        assert isinstance(answer, Hold)
        assert (Reason.BLAST_RADIUS, None) == (answer.reason, answer.until)


@given(st.integers(0, 5_000), st.integers(0, 10_000))
def test_a_percentage_is_rounded_down_and_exactly(size, hundredths):
    """In whole numbers, where no binary fraction can err."""
    limit = Limit(LimitScope.POOL, percent=hundredths / 100)
    assert size * hundredths // 10_000 == most(limit, size)


@given(ENTRIES, LIMITS, st.integers(0, 40), st.permutations(range(8)))
def test_the_order_in_which_plans_were_written_down_does_not_matter(entries, limit, size, mix):
    """Redelivery and two instances write in any order."""
    mixed = [entries[number] for number in mix if number < len(entries)]
    assert judged(entries, limit, size, NOW) == judged(mixed, limit, size, NOW)


@given(ENTRIES, LIMITS, st.integers(0, 40))
def test_a_plan_that_ends_only_ever_makes_room(entries, limit, size):
    """No end of one plan stops another."""
    assume(judged(entries, limit, size, NOW) is None)
    tally = pool_tally(*entries)
    for entry in entries:
        tally = ended(tally, entry.token, "failed", NOW)
        assert judged(list(tally.entries), limit, size, NOW) is None


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 500)), min_size=1, max_size=60),
    st.integers(1, 40),
)
def test_what_is_forgotten_changes_no_count_that_a_limit_may_have(plans, most_kept):
    """Of too many, as many targets as there is room for stay countable."""
    entries = tuple(
        Entry(f"p-{n}", f"/t/{target}", NOW - timedelta(minutes=ago), ended_at=NOW)
        for n, (target, ago) in enumerate(plans)
    )
    left = kept(entries, NOW, most=most_kept)
    targets = {one.target for one in entries}
    assert len(left) == min(most_kept, len(entries))
    assert min(most_kept, len(targets)) == len({one.target for one in left})
