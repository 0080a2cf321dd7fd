"""The engine's side of the tallies: read what is counted, reserve, give back, strike.

A tally is changed by a conditional write and by nothing else. What a crash leaves
reserved is found by whoever is refused because of it: the ledger knows which plans exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from shared.core import breakers, reservations, rollouts, tallies
from shared.core.contexts import Context
from shared.core.decisions import Act, Hold, Reason, Skip
from shared.core.errors import AutomationError, InvalidTarget, RetryLater, StaleFacts
from shared.core.notices import tripped
from shared.core.places import strikes_key
from shared.core.plans import Plan
from shared.core.signals import Signal
from shared.core.tallies import Tally
from shared.engine.guarding import LOOK_AGAIN
from shared.engine.night import Night
from shared.engine.rulings import Ruling, after_strike
from shared.engine.turns import Turn
from shared.rules.book import Rule

TRIES = 40
COUNTED = frozenset(
    {
        Reason.BLAST_RADIUS,
        Reason.BREAKER_OPEN,
        Reason.BUDGET_SPENT,
        Reason.CANARY,
        Reason.POOL_INTERRUPTED,
    }
)
"""Refusals that an entry without a plan behind it may have caused."""
Change = Callable[[Tally], Tally]


def keys(context: Context) -> tuple[str, ...]:
    """Name what is read for a plan; an eviction asks for nothing, and waits for nothing."""
    return () if context.signal.is_involuntary else reservations.tally_keys(context)


async def read(night: Night, context: Context, turn: Turn) -> Context:
    """Add what is counted for a plan."""
    wanted = keys(context)
    if not wanted:
        return context
    try:
        found = await turn.read(night.ports.tallies, wanted)
    except AutomationError as error:
        after = error.after if isinstance(error, RetryLater) else LOOK_AGAIN
        words = f"the tallies could not be read: {error}"
        unread = Hold(Reason.UNREADABLE, context.now + after, words)
        return replace(context, tallies_unread=unread)
    return replace(context, tallies=found)


async def note_refusal(night: Night, context: Context, refusal: Hold | Skip) -> None:
    """Keep what a refused event still tells, its failure, and say when a breaker opens."""
    for tally in reservations.heard(context):
        if refusal.reason is Reason.STORM:
            await _tell(night, context, tally, refusal)
        await change(night, [tally.key], lambda now: breakers.hear(context, now))


async def _tell(night: Night, context: Context, tally: Tally, refusal: Hold | Skip) -> None:
    rule = night.rules_for(context.target).named(context.rule)
    if rule is not None and rule.notify:
        words = refusal.detail
        await night.ports.notices.post(
            tripped(
                tally.key,
                words,
                at=tally.tripped_at or context.now,
                rule=rule.name,
                channels=rule.notify,
            )
        )


async def forget_stale(night: Night, context: Context, refusal: Hold | Skip) -> bool:
    """Give back what plans hold that never came to be, or ended unseen; tell if any did."""
    if refusal.reason not in COUNTED or context.is_dry_run:
        return False
    found = False
    for tally in context.tallies.values():
        for token in tallies.stale_tokens(tally, context.now):
            found = await _look_up(night, tally.key, token) or found
    return found


async def _look_up(night: Night, key: str, token: str) -> bool:
    try:
        stored = await night.ports.ledger.find(token)
    except InvalidTarget:  # a newer release's: it may be open, so it counts
        return False
    if stored is None:
        now = night.ports.clock.now()

        def give_back(tally: Tally) -> Tally:
            is_stale = token in tallies.stale_tokens(tally, now)  # or begun again meanwhile
            return tallies.release(tally, token) if is_stale else tally

        await change(night, [key], give_back)
        return True
    if stored.plan.is_open:
        return False
    await settle(night, stored.plan, only=(key,))
    return True


async def note_begun(night: Night, plan: Plan) -> None:
    """Count a plan that no count could hold back, so that voluntary work sees it."""
    entry = tallies.Entry(
        token=plan.id,
        target=tallies.fold(plan.target),
        at=plan.created_at,
        rule=plan.rule,
        event=str(plan.signal.get("event_id") or ""),
        is_involuntary=True,
    )
    ended = plan.closed_at
    # A trial of rules asks how plans end, and is one place for all of them: not in a storm.
    where = [key for key in plan.tallies if not key.startswith(f"{rollouts.ROLLOUT}|")]

    def note(tally: Tally) -> Tally:
        noted = tallies.note_begun(tally, entry)
        if ended is None or plan.outcome is None:
            return noted
        return reservations.ended(noted, plan.id, plan.outcome.value, ended)

    await change(night, where, note, is_urgent=True)


async def settle(night: Night, plan: Plan, *, only: Sequence[str] | None = None) -> None:
    """Write down where a plan is counted that it has ended.

    If this fails, whoever is refused because of it finds it: the plan is closed anyway.
    """
    ended, outcome = plan.closed_at, plan.outcome
    if ended is None or outcome is None:
        return
    await change(
        night,
        plan.tallies if only is None else only,
        lambda tally: (
            rollouts.counted(tally, plan)
            if tally.kind == rollouts.ROLLOUT
            else reservations.ended(tally, plan.id, outcome.value, ended)
        ),
    )


async def change(
    night: Night, where: Sequence[str], how: Change, *, is_urgent: bool = False
) -> None:
    """Change tallies one by one, each as it is now; what cannot be changed is left."""
    for key in where:
        for _ in range(TRIES):
            try:
                await _change_one(night, key, how, is_urgent=is_urgent)
            except StaleFacts:
                await asyncio.sleep(0)
                continue
            except AutomationError:
                return
            break


async def _change_one(night: Night, key: str, how: Change, *, is_urgent: bool) -> None:
    async with night.turns.take([key], is_urgent=is_urgent) as turn:
        tally = (await turn.read(night.ports.tallies, [key]))[key]
        changed = how(tally)
        if changed is not tally:
            await turn.save(night.ports.tallies, changed)


async def struck(
    night: Night, rule: Rule, signal: Signal, ruling: Ruling, *, is_dry_run: bool
) -> Ruling:
    """Count a strike where a rule wants several before it acts; say so while too few.

    Raises:
        RetryLater: It could not be counted; the sender sends again.
    """
    terms = rule.strikes
    if terms is None or not isinstance(ruling.decision, Act):
        return ruling
    key = strikes_key(rule.name, signal.target)
    now = night.ports.clock.now()
    for _ in range(TRIES):
        tally = (await night.ports.tallies.read([key]))[key]
        after, count = tallies.strike(tally, signal, terms, now)
        try:
            if after is not tally and not is_dry_run:
                await night.ports.tallies.save(after)
        except StaleFacts:
            continue
        return after_strike(rule, ruling, count)
    raise RetryLater(f"counting strikes of {rule.name}", after=timedelta(seconds=1))


def places_of(context: Context) -> tuple[str, ...]:
    """Name where a plan is counted, so that its end is written there too."""
    return reservations.tally_keys(context)
