"""Cordon, uncordon and drain an AKS node, with kubectl's semantics and a deadline.

Source: https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/ and
https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.facts import AksNode
from shared.core.ledger import StepResult
from shared.core.marks import is_auto_drained, is_held_by_others
from shared.core.plans import StepOutcome
from shared.core.pods import DrainOptions, Fate, Pod, came_after, fate, grace_for
from shared.core.steps import Verb
from shared.core.wire import write_moment
from shared.engine.effects.gangs import GANGS, LEFT, shown, together
from shared.engine.effects.slurm_pods import emptied
from shared.engine.effects.work import (
    Work,
    already,
    done,
    each,
    failed,
    not_yet,
    refused,
    unknown,
)
from shared.ports import Evicted, Eviction

BLOCKED_RETRY = timedelta(seconds=5)
LOOK_AGAIN = timedelta(seconds=1)
NAMED_AT_MOST = 50


async def cordon(work: Work) -> StepResult:
    """Make the node unschedulable and mark it as ours, unless somebody else did first.

    Cordon, mark and taint are one write, so a schedulable node that bears a mark was
    uncordoned by a person. Is the mark this plan's, the person's word stands; an older
    plan's mark is stale, and is taken off lest it keep the new cordon up when this plan is
    undone.
    """
    node = await work.ports.cluster.find_node(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if is_held_by_others(node):
        return already(Reason.CORDONED_BY_OTHERS, node=node.name)
    if not node.is_unschedulable and work.plan.id in node.cordoned_by:
        return await _put_back_by_hand(work, node)
    if not _is_ours(node, work.plan.id):
        work.must_be_ours()
        for stale in () if node.is_unschedulable else node.cordoned_by:
            await work.ports.cluster.uncordon(node, by=stale)
        why = str(work.plan.signal.get("type") or "")
        await work.ports.cluster.cordon(node, by=work.plan.id, because=why)
        node = await work.ports.cluster.find_node(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if _is_ours(node, work.plan.id):
        return done(node=node.name)
    if work.plan.id in node.cordoned_by:  # a person was quicker than our second look
        return await _put_back_by_hand(work, node)
    return unknown(Reason.UNVERIFIED, node=node.name)


async def uncordon(work: Work) -> StepResult:
    """Take our own cordon back, and only ours."""
    node = await work.ports.cluster.find_node(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    whose = str(work.args["of"])
    if whose not in node.cordoned_by:
        reason = Reason.NOT_OURS if node.is_unschedulable else ""
        was_sent = work.record.attempts > 1
        return done(node=node.name) if was_sent and not reason else already(reason)
    work.must_be_ours()
    await work.ports.cluster.uncordon(node, by=whose)
    node = await work.ports.cluster.find_node(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if whose in node.cordoned_by:
        return unknown(Reason.UNVERIFIED, node=node.name)
    others = [mark for mark in node.cordoned_by if mark != whose]
    if node.is_unschedulable and not others:
        others = ["AKS auto-drain" if is_auto_drained(node) else "somebody else"]
    return done(node=node.name, still_cordoned_by=others)


async def _put_back_by_hand(work: Work, node: AksNode) -> StepResult:
    """End the plan: a person put the node back to work, so our mark and taint go too."""
    if work.plan.id in node.cordoned_by:
        work.must_be_ours()
        await work.ports.cluster.uncordon(node, by=work.plan.id)
    return refused(Reason.UNCORDONED_BY_HAND, node=node.name)


def _is_put_back(work: Work, node: AksNode) -> bool:
    """Tell whether a node that this very plan cordoned takes pods again."""
    did = any(
        record.step.verb is Verb.CORDON and record.outcome is StepOutcome.DONE
        for record in work.plan.steps[: work.index]
    )
    return did and not node.is_unschedulable


def _is_ours(node: AksNode, plan: str) -> bool:
    return node.is_unschedulable and plan in node.cordoned_by


async def drain(work: Work) -> StepResult:
    """Evict what may go, wait for it to be gone; each attempt is one look and one round.

    Pods that any filter refuses end the step before a single eviction, as in kubectl. A
    pod that is already leaving is never asked again, so a worker that takes over from a
    dead one repeats nothing. A budget's no is asked again after ``BLOCKED_RETRY``. Pods of
    a job that is on other nodes, too, wait for their wave; pods that are Slurm nodes are
    left, and it is seen that Slurm empties them.
    """
    node = await work.ports.cluster.find_node(work.target)
    if node is None:
        return already(Reason.TARGET_GONE)
    if _is_put_back(work, node):
        return await _put_back_by_hand(work, node)
    pods = await work.ports.cluster.pods(node)
    options = DrainOptions(
        force=bool(work.args["force"]),
        delete_emptydir_data=bool(work.args["delete_emptydir_data"]),
    )
    begun = work.record.started_at
    pods = tuple(pod for pod in pods if not came_after(pod, begun))
    sorted_out = _sort(pods, options)
    asked = int(work.progress.get("accepted", 0))
    if sorted_out[Fate.REFUSE]:
        return failed(Reason.UNDRAINABLE_PODS, refused=_reasons(pods, options))
    staying = sorted_out[Fate.EVICT] + sorted_out[Fate.WAIT]
    late = _too_late(work)
    if not staying:
        return await _emptied(work, node, sorted_out, late)
    if late:
        remaining = _names(staying)
        return failed(late, evicted=asked, remaining=remaining, **_told(work))
    return await _round(work, node, sorted_out[Fate.EVICT], asked)


async def _emptied(
    work: Work, node: AksNode, pods: Mapping[Fate, list[Pod]], late: str
) -> StepResult:
    """End, once Slurm has emptied the pods that are its nodes."""
    asked = int(work.progress.get("accepted", 0))
    slurm = await emptied(work, pods[Fate.SLURM])
    left = len(pods[Fate.LEAVE]) + len(slurm)
    seen: dict[str, Any] = {}
    if slurm:
        seen = {"slurm_pods": {one.pod: one.words for one in slurm}}
    busy = [one.pod for one in slurm if not one.is_empty]
    if busy:
        unknown = not all(one.is_known for one in slurm)
        if unknown or late:
            why = Reason.SLURM_PODS_REMAIN if unknown else late
            return failed(why, evicted=asked, remaining=busy, **_told(work), **seen)
        raise not_yet(f"waiting for Slurm on {node.name}", LOOK_AGAIN, **work.progress)
    if work.record.attempts > 1 or asked:
        return done(node=node.name, evicted=asked, left=left, **_told(work), **seen)
    return already(node=node.name, evicted=0, left=left, **seen)


async def _round(work: Work, node: AksNode, pods: list[Pod], asked: int) -> StepResult:
    """Ask once for each pod that is due, and come back.

    A job's pods are new to this round when their wave leaves: a budget that blocked others
    does not keep them.
    """
    before = {key for key, one in work.progress.get(GANGS, {}).items() if LEFT in one}
    pods, known = await together(work, node, pods)
    due = work.since("ask_again_at")
    if due is not None and work.now() < due:
        pods = [pod for pod in pods if pod.gang and pod.gang.key not in before]
    else:
        due = None
    gangs = {GANGS: known} if known else {}
    if due is not None and not pods:
        raise not_yet(f"draining {node.name}", LOOK_AGAIN, **{**work.progress, **gangs})

    async def evict(pod: Pod) -> tuple[Pod, Eviction]:
        work.must_be_ours()
        return pod, await work.ports.cluster.evict(node, pod, grace=_grace(work, pod))

    answers = await each(pods, evict)
    blocked = {p.label: e.why for p, e in answers if e.outcome is Evicted.BLOCKED}
    accepted = [p.label for p, e in answers if e.outcome is Evicted.ACCEPTED]
    named = [*work.progress.get("pods", ()), *accepted]
    again = write_moment(work.now() + BLOCKED_RETRY) if blocked else None
    if due is not None:
        again = write_moment(due)
        blocked = {**work.progress.get("blocked", {}), **blocked}
    raise not_yet(
        f"draining {node.name}",
        LOOK_AGAIN,
        accepted=asked + len(accepted),
        pods=named[:NAMED_AT_MOST],
        ask_again_at=again,
        blocked=dict(list(blocked.items())[:NAMED_AT_MOST]),
        **gangs,
    )


def _grace(work: Work, pod: Pod) -> timedelta | None:
    cap = work.args["pod_grace_s"]
    return grace_for(
        pod,
        cap=timedelta(seconds=cap) if cap is not None else None,
        deadline=work.deadline,
        margin=timedelta(seconds=work.args["margin_s"]),
        now=work.now(),
    )


def _too_late(work: Work) -> str:
    if work.deadline is not None:
        return Reason.DEADLINE_PASSED if work.now() >= work.deadline else ""
    limit = timedelta(seconds=work.args["timeout_s"])
    return Reason.TIMED_OUT if work.running_for() >= limit else ""


def _sort(pods: Iterable[Pod], options: DrainOptions) -> dict[Fate, list[Pod]]:
    found: dict[Fate, list[Pod]] = {each_fate: [] for each_fate in Fate}
    for pod in pods:
        found[fate(pod, options)[0]].append(pod)
    return found


def _reasons(pods: Iterable[Pod], options: DrainOptions) -> dict[str, Any]:
    said = {pod.label: fate(pod, options) for pod in pods}
    refusals = {label: why for label, (what, why) in said.items() if what is Fate.REFUSE}
    return dict(list(refusals.items())[:NAMED_AT_MOST])


def _names(pods: list[Pod]) -> list[str]:
    return [pod.label for pod in pods][:NAMED_AT_MOST]


def _told(work: Work) -> dict[str, Any]:
    """Name the pods whose eviction was accepted, so that nobody need ask where one went.

    And the jobs they were parts of: who was told, and how old the checkpoint was.
    """
    known = work.progress.get(GANGS)
    return {
        "pods": list(work.progress.get("pods", ())),
        **({GANGS: shown(known)} if known else {}),
    }
