"""Let a job that is on several nodes go as one: told once, and then gone everywhere.

Each noticed node has a plan and a drain of its own, on any instance of the app. What they
share is the wave: who tells the job, and when its pods leave. Without it each drain would
end the job once more, and its operator would begin it once for each node.

A wave that cannot be read or a job that cannot be told holds nobody up: its pods then
leave at once, and the step says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

Known = dict[str, dict[str, Any]]


async def together(work: Work, node: AksNode, pods: Sequence[Pod]) -> tuple[list[Pod], Known]:
    """Say which pods may be asked to leave by now, and what to remember of their jobs."""
    known: Known = dict(work.progress.get(GANGS, {}))
    for gang in {pod.gang.key: pod.gang for pod in pods if pod.gang}.values():
        if LEFT not in known.get(gang.key, {}):
            try:
                known[gang.key] = await _stand(work, node, gang, known)
            except GiveUp as error:
                known[gang.key] = {LEFT: write_moment(work.now()), "error": str(error)}
    free = [pod for pod in pods if pod.gang is None or LEFT in known[pod.gang.key]]
    return free, known


def shown(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write what became of each job for the step's record."""
    return {
        key: {name: value for name, value in one.items() if name != _BEFORE}
        for key, one in known.items()
    }


async def _stand(work: Work, node: AksNode, gang: Gang, known: Known) -> dict[str, Any]:
    """Join the job's wave, tell the job if that falls to us, and see whether it leaves."""
    key = f"{node.cluster.casefold()}|{gang.key}"
    mine = known.get(gang.key, {})
    wave = await _joined(work, key, mine)
    if _WAVE in mine and wave.first != mine[_WAVE]:
        return {**mine, LEFT: write_moment(work.now())}  # ours has left, others have come
    mine = {**mine, _WAVE: wave.first, "leave_at": write_moment(wave.leave_at)}
    known[gang.key] = mine
    if wave.leader == work.plan.id and wave.told_at is None:
        wave = await _tell(work, node, gang, wave, known)
        mine = known[gang.key]
    elif mine.get(_BEFORE) and not wave.may_leave(work.now()):
        wave = await _if_saved(work, node, gang, wave, mine[_BEFORE])
    mine = {**mine, "leave_at": write_moment(wave.leave_at)}
    if not wave.may_leave(work.now()):
        return mine
    return {**mine, **await _leaving(work, node, gang, wave)}


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


async def _tell(work: Work, node: AksNode, gang: Gang, wave: Wave, known: Known) -> Wave:
    """Tell each pod that asks for it, on whichever node it is; once, by what it is told.

    What they said of their checkpoints before is remembered first: else a worker that
    takes over would not know what is news. It tells them the same, which changes nothing.
    """
    members = await work.ports.cluster.members(node, gang)
    running = [pod for pod in members if not pod.is_finished and pod.deleting_since is None]
    asking = [pod for pod in running if pod.asks]
    mine = known[gang.key]
    if asking and _BEFORE not in mine:
        mine = {**mine, _BEFORE: {pod.uid: pod.checkpointed for pod in asking}}
        known[gang.key] = mine
        await work.remember({**work.progress, GANGS: known})
    value = _words(work, wave)

    async def one(pod: Pod) -> str:
        key = str(work.args.get("signal") or TOLD) if pod.asks == BY_RULE else pod.asks
        work.must_be_ours()
        is_told = await work.ports.cluster.tell(node, pod, key=key, value=value)
        return pod.label if is_told else ""

    names = tuple(name for name in await each(asking, one) if name)
    is_all_here = {pod.node for pod in running} <= {node.name}
    now, gather = work.now(), span(work, "gather_s", GATHER)

    def change(found: Wave) -> Wave:
        if found.first != wave.first or found.leader != work.plan.id:
            return found
        noted = note_told(found, names, now=now, gather=gather)
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
    now = work.now()
    return await changed(
        work.ports,
        wave.key,
        lambda found: leave_now(found, now) if found.first == wave.first else found,
    )


def _is_silent(pod: Pod | None, before: str) -> bool:
    return pod is not None and not pod.is_finished and pod.checkpointed == before


async def _leaving(work: Work, node: AksNode, gang: Gang, wave: Wave) -> dict[str, Any]:
    """Note, as the pods are about to go, who was told and how old the checkpoint is."""
    members = await work.ports.cluster.members(node, gang)
    now = work.now()
    said = {pod.checkpointed for pod in members if pod.checkpointed}
    ages = {words: age_s(words, now.timestamp()) for words in said}
    known = {words: age for words, age in ages.items() if age is not None}
    newest = min(known, key=lambda words: known[words], default=next(iter(sorted(said)), ""))
    return {
        LEFT: write_moment(now),
        "told": list(wave.told) if wave.leader == work.plan.id else [],
        "told_by": wave.leader if wave.told else "",
        "checkpointed": newest,
        "checkpoint_age_s": known.get(newest),
    }
