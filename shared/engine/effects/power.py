"""Deallocate and redeploy: long operations, followed by reading the machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from shared.core.decisions import Reason
from shared.core.facts import MachineFacts
from shared.core.ledger import StepResult
from shared.core.resource_ids import ML_COMPUTE, ResourceId
from shared.core.wire import write_moment
from shared.engine.effects.work import (
    Work,
    already,
    done,
    failed,
    not_yet,
    saved,
    unknown,
)
from shared.ports import OperationState

OFF = frozenset({"deallocated"})
LEAVING = frozenset({"deallocating", "stopping"})
SEND_AGAIN = timedelta(minutes=3)
POWER_LIMIT = timedelta(minutes=20)
REDEPLOY_LIMIT = timedelta(minutes=45)
INTENT_SETTLES = timedelta(seconds=20)


async def deallocate(work: Work) -> StepResult:
    """Stop paying for a machine; done only when its power state says so."""
    machine = await _read(work)
    sent, bulk = work.since("sent_at"), _bulk(work.progress.get("operation"))
    if machine is None:
        return already(Reason.TARGET_GONE)
    if machine.power in OFF:
        if not sent:
            return already(power=machine.power)
        return done(power=machine.power, **bulk, **saved(work.ports, machine.resource))
    if work.running_for() >= POWER_LIMIT:
        return failed(Reason.TIMED_OUT, power=machine.power, **bulk)
    if machine.power in LEAVING:
        moment = write_moment(sent or work.now())
        raise not_yet("deallocating", work.soon(), sent_at=moment, **bulk)
    if sent is None or work.now() >= sent + SEND_AGAIN:
        work.must_be_ours()
        if _is_ml(work):
            await work.ports.machine_learning.stop(work.target)
        else:
            where = machine.resource.location
            bulk = _bulk(await work.ports.compute.deallocate(work.target, location=where))
        sent = work.now()
    raise not_yet("deallocating", work.soon(), sent_at=write_moment(sent), **bulk)


def _bulk(operation: object) -> dict[str, str]:
    """Remember which operation of a bulk call it was, if it was one."""
    return {"operation": str(operation)} if operation else {}


def _is_ml(work: Work) -> bool:
    return ResourceId.parse(work.target).type == ML_COMPUTE


async def _read(work: Work) -> MachineFacts | None:
    if _is_ml(work):
        return await work.ports.machine_learning.instance(work.target)
    return await work.ports.compute.machine(work.target)


async def redeploy(work: Work) -> StepResult:
    """Move a VM to another host.

    Source: https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/
    redeploy-to-new-node-windows
    """
    return await send_once(work, work.ports.compute.redeploy)


async def send_once(work: Work, send: Callable[[str], Awaitable[str]]) -> StepResult:
    """Send what nothing on a VM shows afterwards, a redeploy or a restart, once.

    So the intent is written first: if this worker dies between the call and its receipt,
    the next one sees a provisioning that ended after the intent, and does not send it a
    second time.
    """
    if work.running_for() >= REDEPLOY_LIMIT:
        return unknown(Reason.TIMED_OUT)
    if work.progress.get("token"):
        return await _follow(work, str(work.progress["token"]))
    intent = work.since("intent_at")
    if intent is not None:
        ended = await _lost_call(work, intent)
        if ended is not None:
            return ended
    now = write_moment(work.now())
    await work.remember({"intent_at": now})
    work.must_be_ours()
    token = await send(work.target)
    raise not_yet(_doing(work), work.soon(), intent_at=now, token=token)


def _doing(work: Work) -> str:
    return f"waiting for the {work.record.step.verb}"


async def _lost_call(work: Work, intent: datetime) -> StepResult | None:
    """Tell how a call ended whose answer was lost; None if it never reached the service.

    It is given the time to show. Whatever ended after the intent, well or badly, is taken
    for it, because a second call would move the machine a second time.
    """
    state, since = await work.ports.compute.provisioned_at(work.target)
    if state == "updating" or work.now() < intent + INTENT_SETTLES:
        raise not_yet(_doing(work), work.soon(), **work.progress)
    if since is None or since <= intent:
        return None
    if state == "succeeded":
        return await _verify(work)
    if state == "failed":
        return failed(Reason.REJECTED, provisioning=state)
    return unknown(Reason.UNVERIFIED, provisioning=state)


async def _moved_since(work: Work, intent: datetime | None) -> bool:
    state, since = await work.ports.compute.provisioned_at(work.target)
    return state == "succeeded" and bool(since and intent and since > intent)


async def _follow(work: Work, token: str) -> StepResult:
    state, words = await work.ports.compute.operation(work.target, token)
    match state:
        case OperationState.RUNNING:
            raise not_yet(_doing(work), work.soon(), **work.progress)
        case OperationState.SUCCEEDED:
            return await _verify(work)
        case OperationState.FAILED:
            return failed(Reason.REJECTED, said=words)
        case OperationState.LOST:
            if await _moved_since(work, work.since("intent_at")):
                return await _verify(work)
            return unknown(Reason.UNVERIFIED, said=words)


async def _verify(work: Work) -> StepResult:
    """Believe the machine, not the operation."""
    machine = await work.ports.compute.machine(work.target)
    if machine is None:
        return failed(Reason.TARGET_GONE)
    if machine.power == "running":
        return done(power=machine.power)
    if machine.power in {"starting", "unknown", None}:
        raise not_yet(_doing(work), work.soon(), **work.progress)
    return failed(Reason.NOT_RUNNING, power=machine.power)
