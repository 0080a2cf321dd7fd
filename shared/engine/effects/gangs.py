"""Let a job that is on several nodes go as one: told once, and then gone everywhere.

Each noticed node has a plan and a drain of its own, on any instance of the app. What they
share is the wave: who tells the job, and when its pods leave. Without it each drain would
end the job once more, and its operator would begin it once for each node.

A wave that cannot be read or a job that cannot be told holds nobody up: its pods then
leave at once, and the step says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.core.errors import GiveUp
from shared.core.facts import AksNode
from shared.core.gangs import BY_RULE, TOLD, Gang, age_s
from shared.core.pods import Pod
from shared.core.waves import Wave, join, latest, leave_now, note_told, take_over
from shared.core.wire import write_moment
from shared.engine.effects.waves import GATHER, LEAD, WINDOW, changed, span
from shared.engine.effects.work import Work, each

GANGS = "gangs"
LEFT = "left_at"
_BEFORE, _WAVE = "before", "wave"

HEARD_AT_MOST = 500
"""Of a job with more pods that ask, none is waited for to say that it has saved."""

Known = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Met:
    """One job as a round of the drain finds it.

    Attributes:
        here: Its pods on this node.
        mine: What the plan remembers of it.
        wave: None if it leaves without one.
        members: Its pods, if it falls to this plan to tell them.
        is_news: Something must be remembered before anybody is told.
    """

    gang: Gang
    here: Sequence[Pod]
    mine: dict[str, Any]
    wave: Wave | None = None
    members: tuple[Pod, ...] | None = None
    is_news: bool = False


async def together(work: Work, node: AksNode, pods: Sequence[Pod]) -> tuple[list[Pod], Known]:
    """Say which pods may be asked to leave by now, and what to remember of their jobs."""
    known: Known = dict(work.progress.get(GANGS, {}))
    gangs = [
        gang
        for gang in {pod.gang.key: pod.gang for pod in pods if pod.gang}.values()
        if LEFT not in known.get(gang.key, {})
    ]
    here = {gang.key: [pod for pod in pods if pod.gang == gang] for gang in gangs}
    met = await each(
        gangs, lambda gang: _meet(work, node, gang, here[gang.key], known.get(gang.key, {}))
    )
    known |= {one.gang.key: one.mine for one in met}
    if any(one.is_news for one in met):
        await work.remember({**work.progress, GANGS: known})
    stand = await each(met, lambda one: _stand(work, node, one))
    known |= {one.gang.key: mine for one, mine in zip(met, stand, strict=True)}
    free = [pod for pod in pods if pod.gang is None or LEFT in known[pod.gang.key]]
    return free, known


def shown(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write what became of each job for the step's record."""
    return {
        key: {name: value for name, value in one.items() if name != _BEFORE}
        for key, one in known.items()
    }


async def _meet(
    work: Work, node: AksNode, gang: Gang, here: Sequence[Pod], before: Mapping[str, Any]
) -> Met:
    """Join the job's wave; if it falls to us to tell the job, see whom.

    What they said of their checkpoints until now is to be remembered before they are told:
    else a worker that takes over would not know what is news.
    """
    mine = dict(before)
    try:
        wave = await _joined(work, f"{node.cluster.casefold()}|{gang.key}", mine)
        if _WAVE in mine and wave.first != mine[_WAVE]:  # ours has left, others have come
            return Met(gang, here, {**mine, LEFT: write_moment(work.now())})
        mine = {**mine, _WAVE: wave.first, "leave_at": write_moment(wave.leave_at)}
        if wave.leader != work.plan.id or wave.told_at is not None:
            return Met(gang, here, mine, wave)
        members = await work.ports.cluster.members(node, gang)
    except GiveUp as error:
        return Met(gang, here, {**mine, **_alone(work, error)})
    is_news = False
    if _BEFORE not in mine:
        asking = [pod for pod in members if pod.asks and _is_running(pod)]
        heard = asking if len(asking) <= HEARD_AT_MOST else []
        mine[_BEFORE] = {pod.uid: pod.checkpointed for pod in heard}
        is_news = bool(heard)
    return Met(gang, here, mine, wave, members, is_news=is_news)


def _alone(work: Work, error: GiveUp) -> dict[str, Any]:
    return {LEFT: write_moment(work.now()), "error": str(error)}


async def _stand(work: Work, node: AksNode, met: Met) -> dict[str, Any]:
    """Tell the job if that falls to us, and see whether its moment has come."""
    mine, wave = met.mine, met.wave
    if wave is None:
        return mine
    try:
        if met.members is not None:
            wave = await _tell(work, node, wave, met.members)
        elif mine.get(_BEFORE) and not wave.may_leave(work.now()):
            wave = await _if_saved(work, node, met.gang, wave, mine[_BEFORE])
        mine = {**mine, "leave_at": write_moment(wave.leave_at)}
        if not wave.may_leave(work.now()):
            return mine
        return {**mine, **await _leaving(work, node, met, wave)}
    except GiveUp as error:
        return {**mine, **_alone(work, error)}


async def _joined(work: Work, key: str, mine: Mapping[str, Any]) -> Wave:
    now, plan = work.now(), work.plan.id
    until = latest(work.deadline, timedelta(seconds=work.args["margin_s"]), now)

    def change(wave: Wave) -> Wave:
        if _WAVE not in mine:
            lead, window = span(work, "lead_s", LEAD), span(work, "window_s", WINDOW)
            wave = join(wave, plan, now=now, window=window, lead=lead, until=until)
        elif wave.first != mine[_WAVE]:
            return wave
        return take_over(wave, plan, now)

    return await changed(work.ports, key, change)


async def _tell(work: Work, node: AksNode, wave: Wave, members: Sequence[Pod]) -> Wave:
    """Tell each pod that asks for it, on whichever node it is.

    What they are told follows from the wave: told again, it changes nothing.
    """
    running = [pod for pod in members if _is_running(pod)]
    asking = [pod for pod in running if pod.asks]
    value = _words(work, wave)

    async def one(pod: Pod) -> str:
        key = str(work.args.get("signal") or TOLD) if pod.asks == BY_RULE else pod.asks
        work.must_be_ours()
        is_told = await work.ports.cluster.tell(node, pod, key=key, value=value)
        return pod.label if is_told else ""

    names = tuple(name for name in await each(asking, one) if name)
    is_all_here = {pod.node for pod in running} <= {node.name}
    now, gather = work.now(), span(work, "gather_s", GATHER)
    saved = _newest(members, work)

    def change(found: Wave) -> Wave:
        if found.first != wave.first or found.leader != work.plan.id:
            return found
        noted = note_told(found, names, now=now, gather=gather, saved=saved)
        return leave_now(noted, now) if is_all_here and not names else noted

    return await changed(work.ports, wave.key, change)


def _words(work: Work, wave: Wave) -> str:
    """Say why, until when, and which wave it is, in words that a script can split."""
    why = str(work.plan.signal.get("type") or "")
    until = f"{wave.leave_at:%Y-%m-%dT%H:%M:%SZ}" if wave.leave_at else ""
    return f"why={why} leave_at={until} wave={wave.first}"


async def _if_saved(
    work: Work, node: AksNode, gang: Gang, wave: Wave, before: Mapping[str, str]
) -> Wave:
    """Wait no longer once each pod that was told says something new of its checkpoint."""
    members = {pod.uid: pod for pod in await work.ports.cluster.members(node, gang)}
    silent = [u for u, said in before.items() if _is_silent(members.get(u), said)]
    if silent:
        return wave
    now, words = work.now(), _newest(members.values(), work)

    def change(found: Wave) -> Wave:
        return leave_now(found, now, words) if found.first == wave.first else found

    return await changed(work.ports, wave.key, change)


def _is_running(pod: Pod) -> bool:
    return not pod.is_finished and pod.deleting_since is None


def _is_silent(pod: Pod | None, before: str) -> bool:
    return pod is not None and not pod.is_finished and pod.checkpointed == before


async def _leaving(work: Work, node: AksNode, met: Met, wave: Wave) -> dict[str, Any]:
    """Note, as the pods are about to go, who was told and how old the checkpoint is.

    The plan that leads looks at the whole job; the others, of which there may be hundreds,
    at what is on their nodes and at what that plan wrote down.
    """
    leads = wave.leader == work.plan.id
    pods = await work.ports.cluster.members(node, met.gang) if leads else met.here
    said = _newest(pods, work, wave.saved)
    return {
        LEFT: write_moment(work.now()),
        "told": list(wave.told) if leads else [],
        "told_by": wave.leader if wave.told else "",
        "checkpointed": said,
        "checkpoint_age_s": age_s(said, work.now().timestamp()),
    }


def _newest(pods: Iterable[Pod], work: Work, also: str = "") -> str:
    """Return what was said last of the job's checkpoint, by the moment that it names."""
    said = {pod.checkpointed for pod in pods if pod.checkpointed} | ({also} - {""})
    ages = {words: age_s(words, work.now().timestamp()) for words in said}
    known = {words: age for words, age in ages.items() if age is not None}
    return min(known, key=lambda words: known[words], default=max(said, default=""))
