"""Bring back what was evicted: start a machine in one way after another, grow a pool by one.

Both are safe to repeat. A start of what starts is no second start, and what a machine still
lacks of a way (its size, its priority) is read off the machine. A pool is grown by a write
that names what was read, and bears the step's name, so that it is grown once.

Source: https://learn.microsoft.com/azure/virtual-machines/spot-vms (an evicted machine is
deallocated or deleted, and never started again by the platform)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.core.capacity import is_no_capacity
from shared.core.decisions import Reason
from shared.core.errors import InvalidTarget, NoCapacity, StaleFacts
from shared.core.facts import SpotFacts
from shared.core.ledger import StepResult
from shared.core.wire import write_moment
from shared.engine.effects.rebuilding import BLUEPRINT, towards
from shared.engine.effects.work import Work, already, done, failed, not_yet, unknown
from shared.ports import OperationState

LEAVING = frozenset({"deallocating", "stopping"})
LONGEST_PAUSE = timedelta(minutes=15)
TOLD_AT_MOST = 20
GROW_LIMIT = timedelta(minutes=30)
IN_PIECES = timedelta(days=1)


async def start(work: Work) -> StepResult:
    """Go through the ways until the machine runs, a pause before each further round.

    Capacity and quota lead to the next way at once. Any other error asks for the same
    way again after the pause, and twice of them lead on, too. A machine that was taken
    apart for a way is put together again, in this way or the next.
    """
    machine = await work.ports.replacement.spot_machine(work.target)
    if machine is None and not work.progress.get(BLUEPRINT):
        return failed(Reason.TARGET_GONE, tried=_tried(work))
    if machine is not None and machine.power == "running":
        return _running(work, machine)
    if work.running_for() >= _limit(work, is_in_pieces=machine is None):
        reason = Reason.NO_CAPACITY if _tried(work) else Reason.TIMED_OUT
        kept = {BLUEPRINT: work.progress[BLUEPRINT]} if machine is None else {}
        power = machine.power if machine is not None else "gone"
        return failed(reason, power=power, tried=_tried(work), **kept)
    due = work.since("due_at")
    if due is not None and work.now() < due:
        raise not_yet("pausing", due - work.now(), **work.progress)
    if work.progress.get("token"):
        await _follow(work, str(work.progress["token"]))
        machine = await work.ports.replacement.spot_machine(work.target)  # as it is after
    if machine is not None and machine.power == "running":
        return _running(work, machine)
    if machine is not None and (machine.power in LEAVING or machine.power == "starting"):
        raise not_yet(f"waiting: it is {machine.power}", work.soon(), **_kept(work))
    raise await _next_call(work, machine)


def _running(work: Work, machine: SpotFacts) -> StepResult:
    how = {"size": machine.resource.size, "priority": machine.priority}
    wanted = work.args.get("must_be") or how
    if any(wanted[name].casefold() != value.casefold() for name, value in how.items()):
        return failed(Reason.NO_CAPACITY, **how, tried=_tried(work))
    sent = work.progress.get("sent") or work.record.attempts > 1
    return done(**how, tried=_tried(work)) if sent else already(**how)


def _limit(work: Work, *, is_in_pieces: bool) -> timedelta:
    """Say how long is enough; a machine that is in pieces is not given up so soon."""
    within = timedelta(seconds=work.args["within_s"])
    return within + IN_PIECES if is_in_pieces else within


def _tried(work: Work) -> list[Any]:
    return list(work.progress.get("tried") or ())


def _kept(work: Work, **changed: Any) -> dict[str, Any]:
    """Return what to remember, without what is over."""
    kept = {k: v for k, v in work.progress.items() if k not in {"token", "due_at", "trouble"}}
    return {**kept, **{k: v for k, v in changed.items() if v != ""}}


def _way(work: Work) -> Mapping[str, Any]:
    ways = work.args["ways"]
    way: Mapping[str, Any] = ways[int(work.progress.get("at", 0)) % len(ways)]
    return way


def _as_it_is(way: Mapping[str, Any], name: str, machine: SpotFacts | None) -> str:
    """Return what a way wants; one that says nothing wants it as it is."""
    if name in way or machine is None:
        return str(way[name])
    return machine.priority if name == "priority" else machine.resource.size


async def _follow(work: Work, token: str) -> None:
    """Return if there is nothing to wait for; whether it helped, the machine tells."""
    state, words = await work.ports.compute.operation(work.target, token)
    if state is OperationState.RUNNING:
        raise not_yet("starting", work.soon(), **work.progress)
    if state is OperationState.FAILED:
        raise _after(work, words)


async def _next_call(work: Work, machine: SpotFacts | None) -> Exception:
    """Make the machine what the way wants it to be, then start it."""
    way = _way(work)
    size, priority = (_as_it_is(way, name, machine) for name in ("size", "priority"))
    pool, more = work.ports.replacement, {"sent": True}
    work.must_be_ours()
    try:
        if machine is None or machine.priority != priority:
            token, found = await towards(work, machine, size=size, priority=priority)
            more |= found
        elif machine.resource.size.casefold() != size.casefold():
            token = await pool.change(work.target, size=size, at=work.now())
        else:
            token = await pool.start(work.target)
    except (NoCapacity, InvalidTarget) as error:
        return _after(work, str(error), is_final=True)
    except StaleFacts as error:
        return _after(work, str(error))
    return not_yet(f"trying {way['how']}", work.soon(), **_kept(work, token=token, **more))


def _after(work: Work, words: str, *, is_final: bool = False) -> Exception:
    """Say what comes after a way that did not help: the next, or the same once more."""
    code, _, rest = words.partition(":")
    moves_on = is_final or is_no_capacity(code, rest) or bool(work.progress.get("again"))
    at = int(work.progress.get("at", 0))
    entry = {"how": _way(work)["how"], "size": _way(work).get("size", ""), "said": words}
    tried = [*_tried(work), entry][-TOLD_AT_MOST:]
    ways = len(work.args["ways"])
    next_at = at + 1 if moves_on else at
    pause = timedelta(0)
    if not moves_on or next_at % ways == 0:
        factor: int = 2 ** min(next_at // ways - 1, 10) if moves_on else 1
        limit = _limit(work, is_in_pieces=bool(work.progress.get(BLUEPRINT)))
        left = max(limit - work.running_for(), timedelta(0))
        pause = min(timedelta(seconds=work.args["pause_s"]) * factor, LONGEST_PAUSE, left)
    due = write_moment(work.now() + pause)
    kept = _kept(work, at=next_at, again=not moves_on, tried=tried, due_at=due)
    return not_yet(f"{entry['how']} did not help", max(pause, timedelta(seconds=1)), **kept)


async def grow(work: Work) -> StepResult:
    """Set a scale set to one machine more, once.

    The size that was read is remembered with its version before the write. A worker that
    takes over from a dead one finds the step's name on the scale set, or its version
    unchanged; if it finds neither, others changed it since, and nobody can tell.
    """
    size = await work.ports.replacement.pool_size(work.target)
    if size is None:
        return failed(Reason.TARGET_GONE)
    if size.grown_by == work.key:
        return await _grown(work, size.capacity, is_changing=size.is_changing)
    if work.running_for() >= GROW_LIMIT:
        return failed(Reason.TIMED_OUT, capacity=size.capacity)
    before = work.progress.get("version")
    if before is not None and before != size.version:
        return unknown(Reason.UNVERIFIED, capacity=size.capacity)
    if before is None:
        await work.remember({"version": size.version, "capacity": size.capacity})
    work.must_be_ours()
    try:
        token = await work.ports.replacement.grow(work.target, seen=size, by=work.key)
    except NoCapacity as error:
        return failed(Reason.NO_CAPACITY, said=str(error))
    except StaleFacts:  # refused as a whole: what is remembered of it is worth nothing
        raise not_yet("growing: somebody changed it meanwhile", work.soon()) from None
    raise not_yet("growing", work.soon(), version=size.version, token=token)


async def _grown(work: Work, capacity: int, *, is_changing: bool) -> StepResult:
    """Tell how it ended: by its operation if that is known, else by the scale set."""
    token = str(work.progress.get("token") or "")
    state, words = OperationState.LOST, ""
    if token:
        state, words = await work.ports.compute.operation(work.target, token)
    if state is OperationState.FAILED:
        code, _, rest = words.partition(":")
        reason = Reason.NO_CAPACITY if is_no_capacity(code, rest) else Reason.REJECTED
        return failed(reason, said=words, capacity=capacity)
    if state is OperationState.RUNNING or is_changing:
        if work.running_for() >= GROW_LIMIT:
            return failed(Reason.TIMED_OUT, capacity=capacity)
        raise not_yet("growing", work.soon(), **work.progress)
    return done(capacity=capacity)
