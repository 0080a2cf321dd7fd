"""Carry a plan out: claim it, look again, do a step, record it, go on; never sleep.

Of all workers that hold a plan's message one holds its lease. Every write names the
version it follows, so a worker that lost the lease, or whose plan was withdrawn
meanwhile, learns it at its next write. A step that must wait is given back with a
message that becomes visible when it is due.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core import ledger
from shared.core.decisions import Reason
from shared.core.errors import Forbidden, GiveUp, LeaseHeld, NotYet, RetryLater, StaleFacts
from shared.core.facts import Facts
from shared.core.ledger import StepResult
from shared.core.plans import Plan, StepOutcome, StepRecord
from shared.core.protection import tag_that_protects
from shared.core.steps import MANY
from shared.core.wire import plan_to_json, signal_from_json
from shared.engine.climbing import before_closing
from shared.engine.counting import settle
from shared.engine.effects import EFFECTS, Work
from shared.engine.guarding import shield
from shared.engine.night import Night
from shared.engine.observe import observe
from shared.ports import StoredPlan
from shared.rules.settings import read_settings

Change = Callable[[Plan], Plan]
MAX_TROUBLE = 40
TROUBLE = "trouble"
STALE_RETRY = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=10)
FRESH_FOR = timedelta(seconds=5)


@dataclass(slots=True)
class Worker:
    """One invocation's hold on one plan.

    Attributes:
        after_first: Called once, when the first effect is there or must be waited for.
    """

    night: Night
    owner: str
    stored: StoredPlan
    observed_at: datetime | None = None
    after_first: Callable[[], Awaitable[None]] | None = None

    @property
    def plan(self) -> Plan:
        """The plan as this worker last read or wrote it."""
        return self.stored.plan

    def now(self) -> datetime:
        """Return the present moment."""
        return self.night.ports.clock.now()

    async def save(self, change: Change) -> None:
        """Write the next version; after a lost race, the same change to the newer one.

        A conflict may be our own write, whose answer was lost and which the library sent
        again: then what is stored is what was wanted.

        Raises:
            LeaseHeld: The plan is another worker's by now, or closed, or further on.
        """
        while True:
            try:
                wanted = change(self.plan)
            except StaleFacts as error:
                raise LeaseHeld(str(error), after=STALE_RETRY) from error
            await before_closing(self.night, wanted)
            try:
                self.stored = await self.night.ports.ledger.save(self.stored, wanted)
            except StaleFacts as error:
                newer = await self.night.ports.ledger.find(self.plan.id)
                lease = newer.plan.lease if newer else None
                is_ours = lease is not None and lease.owner == self.owner
                if newer is None or not (is_ours or _same(newer.plan, wanted)):
                    raise LeaseHeld(str(error), after=STALE_RETRY) from error
                self.stored = newer
                if not _same(newer.plan, wanted):
                    continue
            await settle(self.night, self.plan)
            return

    async def claim(self, claimed: Plan) -> None:
        """Write a claim; a conflict that is our own lost write is a claim all the same.

        Raises:
            LeaseHeld: Another worker was first.
        """
        try:
            self.stored = await self.night.ports.ledger.save(self.stored, claimed)
        except StaleFacts as error:
            newer = await self.night.ports.ledger.find(claimed.id)
            if newer is None or not _same(newer.plan, claimed):
                raise LeaseHeld(str(error), after=STALE_RETRY) from error
            self.stored = newer

    def renewed(self, plan: Plan) -> Plan:
        """Claim it again for as long as a lease lasts."""
        return ledger.claim(
            plan, owner=self.owner, now=self.now(), lease=self.night.settings.lease
        )


async def take(night: Night, plan_id: str, *, seq: int, owner: str) -> Worker | None:
    """Claim a plan that a wake message names; None if there is nothing to do.

    A message with an older number than the plan's was overtaken by a newer one.

    Raises:
        LeaseHeld: Another worker is on it; look again when its lease may have run out.
    """
    stored = await night.ports.ledger.find(plan_id)
    if stored is not None and not stored.plan.is_open:
        await settle(night, stored.plan)  # whoever closed it may have died before it did
        return None
    if stored is None or seq != stored.plan.wake_seq:
        return None
    worker = Worker(night, owner, stored)
    claimed = worker.renewed(stored.plan)
    index = claimed.current
    if index is not None and not _must_end(claimed):
        claimed = ledger.begin(claimed, index, now=worker.now())
    await worker.claim(claimed)
    return worker


def _same(one: Plan, other: Plan) -> bool:
    """Compare two versions as they are stored: text for text."""
    return json.dumps(plan_to_json(one)) == json.dumps(plan_to_json(other))


async def carry_out(worker: Worker, *, budget: timedelta) -> Plan:
    """Work on a claimed plan until it closes, must wait, or the budget is spent.

    Returns:
        The plan as it was left.

    Raises:
        LeaseHeld: Another worker has it now.
        RetryLater: The ledger could not be written; the message comes again.
    """
    stop_at = worker.now() + budget
    while worker.plan.is_open:
        index = worker.plan.current
        if index is None or _must_end(worker.plan):
            await worker.save(lambda plan: ledger.close(plan, now=worker.now()))
        elif worker.now() >= stop_at:
            await _give_back(worker, index, after=timedelta(0), progress=None)
            break
        elif not await _attempt(worker, index):
            break
    return worker.plan


def _must_end(plan: Plan) -> bool:
    bad = any(r.outcome is not None and not r.outcome.is_good for r in plan.steps)
    return bad or plan.withdrawn is not None


async def _attempt(worker: Worker, index: int) -> bool:
    """Do one step once; False if the plan was given back to wait."""
    try:
        result = await _first_of_all(worker, index)
    except NotYet as later:
        progress = later.progress if later.progress is not None else {}
        await _give_back(worker, index, after=later.after, progress=progress)
        return False
    except LeaseHeld:
        raise
    except (RetryLater, StaleFacts) as trouble:
        return await _after_trouble(worker, index, trouble)
    except GiveUp as error:
        reason = Reason.FORBIDDEN if isinstance(error, Forbidden) else Reason.REJECTED
        result = StepResult(StepOutcome.FAILED, reason, {"error": str(error)})
    except Exception as error:  # noqa: BLE001 - the app's one catch-all: a defect is recorded
        detail = {"error": f"{type(error).__name__}: {error}"}
        result = StepResult(StepOutcome.UNKNOWN, Reason.UNVERIFIED, detail)
    await worker.save(lambda plan: _next(worker, plan, index, result))
    return True


def _next(worker: Worker, plan: Plan, index: int, result: StepResult) -> Plan:
    """Record a step's end, and that the next one begins, in one write."""
    ended = ledger.finish(plan, index, result, now=worker.now())
    following = ended.current
    if following is None or _must_end(ended):
        return ledger.close(ended, now=worker.now())
    return ledger.begin(worker.renewed(ended), following, now=worker.now())


async def _first_of_all(worker: Worker, index: int) -> StepResult:
    """Do the step, and after the first one let others begin before it is written down."""
    try:
        return await _unless_unwanted(worker, index)
    finally:
        waits, worker.after_first = worker.after_first, None
        if waits is not None:
            await waits()


async def _unless_unwanted(worker: Worker, index: int) -> StepResult:
    """Look again, then do the step."""
    plan, record = worker.plan, worker.plan.steps[index]
    if plan.until is not None and worker.now() >= plan.until and record.step.verb.touches:
        ended = StepOutcome.UNKNOWN if record.attempts > 1 else StepOutcome.FAILED
        return StepResult(ended, Reason.TIMED_OUT)
    is_late = plan.deadline is not None and worker.now() >= plan.deadline
    if is_late and record.attempts <= 1 and not plan.undoes:
        return StepResult(StepOutcome.REFUSED, Reason.DEADLINE_PASSED)
    if not plan.undoes and record.step.verb.touches and not _is_sent(record):
        reason = await _no_longer_wanted(worker)
        if reason is not None:
            return StepResult(StepOutcome.REFUSED, reason)
    return await EFFECTS[record.step.verb](_work(worker, index))


def _is_sent(record: StepRecord) -> bool:
    """Tell whether the step's one effect is under way, so that stopping cannot stop it.

    What is many effects (a drain) can be stopped before each round.
    """
    return record.step.verb not in MANY and bool(record.progress.keys() - {TROUBLE})


def _work(worker: Worker, index: int) -> Work:
    async def remember(progress: Mapping[str, Any]) -> None:
        await worker.save(
            lambda plan: ledger.remember(worker.renewed(plan), index, dict(progress))
        )
        if worker.plan.withdrawn is not None:
            raise NotYet("stopping: the plan was withdrawn", after=timedelta(0))

    remediation = worker.night.remediations.get(worker.plan.remediation)
    return Work(
        worker.night.ports,
        worker.plan,
        index,
        remember,
        remediation and read_settings(remediation.settings, worker.plan.settings),
    )


async def _no_longer_wanted(worker: Worker) -> Reason | None:
    """Read the target again, unless that was a moment ago, and ask the remediation."""
    now = worker.now()
    if worker.observed_at is not None and now - worker.observed_at < FRESH_FOR:
        return None
    plan, night = worker.plan, worker.night
    remediation = night.remediations.get(plan.remediation)
    if remediation is None:
        return Reason.NO_LONGER_WANTED
    settings = read_settings(remediation.settings, plan.settings)
    signal = signal_from_json(plan.signal)
    facts: Facts | None = await observe(remediation.facts, signal, settings, night.ports)
    worker.observed_at = now
    if facts is None:
        return None
    if facts.resource.is_opted_out:
        return Reason.OPTED_OUT
    if tag_that_protects(facts.resource.tags, shield(night.settings)):
        return Reason.PROTECTED
    return remediation.recheck(plan, facts, settings, now)


async def _after_trouble(worker: Worker, index: int, trouble: RetryLater | StaleFacts) -> bool:
    """Try again later, unless it is too late or was tried too often in a row.

    Trouble is counted apart from attempts: a drain that looks each second for a quarter
    of an hour is in no trouble.
    """
    after = min(
        trouble.after if isinstance(trouble, RetryLater) else STALE_RETRY, LONGEST_WAIT
    )
    plan, progress = worker.plan, worker.plan.steps[index].progress
    times = int(progress.get(TROUBLE, 0)) + 1
    out_of_time = plan.deadline is not None and worker.now() + after >= plan.deadline
    if out_of_time or times >= MAX_TROUBLE:
        reason = Reason.DEADLINE_PASSED if out_of_time else Reason.ATTEMPTS_EXHAUSTED
        result = StepResult(StepOutcome.FAILED, reason, {"error": str(trouble)})
        await worker.save(lambda plan: _next(worker, plan, index, result))
        return True
    await _give_back(worker, index, after=after, progress={**progress, TROUBLE: times})
    return False


async def _give_back(
    worker: Worker, index: int, *, after: timedelta, progress: Mapping[str, Any] | None
) -> None:
    """Record where the step is, let go of the lease, and ask to be woken.

    In that order: a message that came before the record would be dropped as stale. If
    the worker dies between the two, the sweep finds the overdue plan.
    """

    def change(plan: Plan) -> Plan:
        kept = plan if progress is None else ledger.remember(plan, index, dict(progress))
        return ledger.wait(kept, until=worker.now() + after)

    await worker.save(change)
    message = {"plan": worker.plan.id, "seq": worker.plan.wake_seq}
    await worker.night.ports.queue.put(message, delay=after)
