"""Azure ML computes: power, settings and the end of an instance nobody uses.

Every effect reads the compute first and last. A start, a deletion and a setting show on it;
a restart shows by its last operation alone, so that is remembered before the call.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.ml_instances import JOB_RUNNING, RUNNING, STOPPED, MlInstance
from shared.core.ml_marks import DELETE_TAG, read_mark
from shared.core.resources import Resource
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused, unknown

POWER_LIMIT = timedelta(minutes=30)
SETTING_LIMIT = timedelta(minutes=10)
INTENT_SETTLES = timedelta(seconds=20)
SEND_AGAIN = timedelta(minutes=3)
UP = frozenset({RUNNING, JOB_RUNNING})
_FAILED = "failed"


async def ml_show(work: Work) -> StepResult:
    """Write the instance's state into the record; who looks at the plan sees it."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    return done(**_shown(*found))


def _shown(resource: Resource, instance: MlInstance) -> dict[str, Any]:
    idle, at = instance.idle_shutdown, instance.last_operation_at
    operation = f"{instance.last_operation} {instance.last_operation_status}".strip()
    return {
        "state": instance.state,
        "size": resource.size,
        "owner": instance.owner,
        "idle_shutdown_s": idle.total_seconds() if idle else None,
        "schedules": [f"{s.action} {s.when} {s.zone}".strip() for s in instance.schedules],
        "image": instance.image,
        "latest_image": instance.latest_image,
        "last_operation": operation,
        "last_operation_at": write_moment(at) if at else None,
        "errors": list(instance.errors),
    }


async def ml_start(work: Work) -> StepResult:
    """Start a stopped instance; done when it runs."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    instance, sent = found[1], work.since("sent_at")
    if instance.state in UP:
        return done(state=instance.state) if sent else already(state=instance.state)
    if work.running_for() >= POWER_LIMIT:
        return failed(Reason.TIMED_OUT, state=instance.state)
    if instance.state == STOPPED and sent and _has_failed(instance, sent):
        return failed(Reason.REJECTED, said=instance.last_operation_status)
    if instance.state == STOPPED and (sent is None or work.now() >= sent + SEND_AGAIN):
        work.must_be_ours()
        await work.ports.machine_learning.start(work.target)
        sent = work.now()
    moment = write_moment(sent or work.now())
    raise not_yet(f"waiting: it is {instance.state}", work.soon(), sent_at=moment)


def _has_failed(instance: MlInstance, sent: datetime) -> bool:
    """Tell whether the last operation failed, and began no earlier than ours was sent."""
    is_ours = instance.last_operation_at is not None and (
        instance.last_operation_at >= sent - INTENT_SETTLES
    )
    return is_ours and instance.last_operation_status.casefold().endswith(_FAILED)


async def ml_restart(work: Work) -> StepResult:
    """Restart an instance once; done when it runs and its last operation is that restart."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    instance, intent = found[1], work.since("intent_at")
    operation = _operation_of(instance)
    if intent is not None and operation != work.progress.get("before"):
        return _restarted(work, instance)
    if work.running_for() >= POWER_LIMIT:
        return unknown(Reason.TIMED_OUT, state=instance.state)
    if intent is not None and work.now() < intent + INTENT_SETTLES:
        raise not_yet("restarting", work.soon(), **work.progress)
    progress = {"before": operation, "intent_at": write_moment(work.now())}
    await work.remember(progress)
    work.must_be_ours()
    await work.ports.machine_learning.restart(work.target)
    raise not_yet("restarting", work.soon(), **progress)


def _operation_of(instance: MlInstance) -> str:
    at = instance.last_operation_at
    return f"{instance.last_operation} {write_moment(at) if at else ''}".strip()


def _restarted(work: Work, instance: MlInstance) -> StepResult:
    if instance.last_operation_status.casefold().endswith(_FAILED):
        return failed(Reason.REJECTED, said=instance.last_operation_status)
    if instance.state in UP:
        return done(state=instance.state)
    if work.running_for() >= POWER_LIMIT:
        return failed(Reason.TIMED_OUT, state=instance.state)
    raise not_yet("restarting", work.soon(), **work.progress)


async def ml_mark(work: Work) -> StepResult:
    """Write onto the instance when it is to be deleted, and for which stop that holds."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    mark = str(work.args["mark"])
    if found[0].tags.get(DELETE_TAG) == mark:
        return done(mark=mark) if work.record.attempts > 1 else already(mark=mark)
    if work.running_for() >= SETTING_LIMIT:
        return failed(Reason.TIMED_OUT, mark=mark)
    if found[1].state != STOPPED:
        return refused(Reason.IN_USE, state=found[1].state)
    work.must_be_ours()
    await work.ports.machine_learning.tag(work.target, {DELETE_TAG: mark})
    raise not_yet("marking", work.soon(), is_sent=True)


async def ml_delete(work: Work) -> StepResult:
    """Delete an instance that bears a mark which is due, and is still as stopped as then."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    sent = work.since("sent_at")
    if found is None:
        return done() if sent else already(Reason.TARGET_GONE)
    resource, instance = found
    if work.running_for() >= POWER_LIMIT:
        return failed(Reason.TIMED_OUT, state=instance.state)
    if sent is not None and work.now() < sent + SEND_AGAIN:
        raise not_yet("deleting", work.soon(), sent_at=write_moment(sent))
    if sent is None:
        mark = read_mark(resource.tags)
        if instance.state != STOPPED:
            return refused(Reason.IN_USE, state=instance.state)
        if mark is None or mark.stopped_at != instance.stopped_since or work.now() < mark.due:
            return refused(Reason.NO_MARK, tag=resource.tags.get(DELETE_TAG))
    work.must_be_ours()
    await work.ports.machine_learning.delete(work.target)
    raise not_yet("deleting", work.soon(), sent_at=write_moment(work.now()))


async def ml_idle_time(work: Work) -> StepResult:
    """Set the idle time; done when the instance shows it."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    wanted = timedelta(seconds=float(work.args["idle_s"]))
    if found[1].idle_shutdown == wanted:
        shown: dict[str, Any] = {"idle_s": wanted.total_seconds()}
        return done(**shown) if work.record.attempts > 1 else already(**shown)
    if work.running_for() >= SETTING_LIMIT:
        return failed(Reason.TIMED_OUT)
    if not work.progress.get("is_sent"):
        work.must_be_ours()
        await work.ports.machine_learning.set_idle_shutdown(work.target, wanted)
    raise not_yet("setting the idle time", work.soon(), is_sent=True)


async def ml_schedules(work: Work) -> StepResult:
    """Set the start and stop times; done when the instance shows these and no others."""
    found = await work.ports.machine_learning.compute_instance(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    wanted = [tuple(one) for one in work.args["times"]]
    shown = [(s.action, s.when, s.zone) for s in found[1].schedules if s.is_enabled]
    if sorted(shown) == sorted(wanted):
        return done(times=wanted) if work.record.attempts > 1 else already(times=wanted)
    if work.running_for() >= SETTING_LIMIT:
        return failed(Reason.TIMED_OUT, shown=shown)
    if not work.progress.get("is_sent"):
        work.must_be_ours()
        documents = [_schedule(*one, now=work.now()) for one in wanted]
        await work.ports.machine_learning.set_schedules(work.target, documents)
    raise not_yet("setting the schedules", work.soon(), is_sent=True)


def _schedule(action: str, when: str, zone: str, *, now: datetime) -> dict[str, Any]:
    """Write a schedule as the service does."""
    start = now.strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "action": action.capitalize(),
        "status": "Enabled",
        "triggerType": "Cron",
        "cron": {"expression": when, "timeZone": zone, "startTime": start},
    }


async def ml_scale(work: Work) -> StepResult:
    """Set a cluster's bounds; done when it shows them and keeps no more than the least."""
    cluster = await work.ports.machine_learning.cluster(work.target)
    if cluster is None:
        return failed(Reason.TARGET_GONE)
    idle = timedelta(seconds=float(work.args["idle_s"]))
    wanted = (int(work.args["least"]), idle)
    shown: dict[str, Any] = {"least": cluster.least, "nodes": dict(cluster.nodes or {})}
    if (cluster.least, cluster.idle_before_scale_down) == wanted:
        return done(**shown) if work.record.attempts > 1 else already(**shown)
    if work.running_for() >= SETTING_LIMIT:
        return failed(Reason.TIMED_OUT, **shown)
    if not work.progress.get("is_sent"):
        work.must_be_ours()
        await work.ports.machine_learning.scale(
            work.target, least=wanted[0], most=cluster.most, idle=idle
        )
    raise not_yet("setting the scale", work.soon(), is_sent=True)
