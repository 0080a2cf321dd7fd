"""Make a VM spot or regular: take it apart and make it anew around its disks.

Azure changes no machine's priority, so the machine is deleted, its disks and network
cards kept, and one of the same name created with them. Whoever dies on the way leaves
enough to go on: the blueprint is kept, and noted in the ledger, before the deletion; and a
machine that is not there while a blueprint is noted is one to make. What would be lost
with the old machine (extensions, a system-assigned identity...) forbids it.
"""

from __future__ import annotations

from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.facts import SpotFacts
from shared.engine.effects.work import Work

BLUEPRINT = "blueprint"
OFF = "deallocated"


def record_name(plan: str, step: int) -> str:
    """Name the document that a machine can be made from again."""
    return f"{BLUEPRINT}/{plan}-{step}.json"


async def towards(
    work: Work, machine: SpotFacts | None, *, size: str, priority: str
) -> tuple[str, dict[str, Any]]:
    """Do the next thing towards a machine of another priority.

    Returns:
        A token of what was asked for, or none; and what to remember.

    Raises:
        InvalidTarget: It cannot be done without losing something, or not at all.
        NoCapacity: There is no such machine to be had.
    """
    name = record_name(work.plan.id, work.index)
    if machine is None:
        document = await work.ports.records.read(name)
        if document is None:
            raise InvalidTarget(f"making {work.target} anew: its blueprint {name} is gone")
        token = await work.ports.replacement.make(
            work.target, document, size=size, priority=priority, at=work.now()
        )
        return token, {BLUEPRINT: name}
    if not work.progress.get(BLUEPRINT):
        if machine.power != OFF:
            raise InvalidTarget(f"it is {machine.power}: only what is off is taken apart")
        await _keep_blueprint(work, name)
    asked = await work.ports.replacement.detach(work.target)
    if asked is not None:
        return asked, _noted(work)
    if not work.progress.get(BLUEPRINT):
        kept = {k: v for k, v in work.progress.items() if k not in {"token", "due_at"}}
        await work.remember({**kept, BLUEPRINT: name})
    work.must_be_ours()
    return await work.ports.replacement.remove(work.target), {BLUEPRINT: name}


def _noted(work: Work) -> dict[str, Any]:
    name = work.progress.get(BLUEPRINT)
    return {BLUEPRINT: name} if name else {}


async def _keep_blueprint(work: Work, name: str) -> None:
    found = await work.ports.replacement.blueprint(work.target)
    if found is None:
        raise InvalidTarget(f"{work.target} is gone")
    if found.would_lose:
        lost = ", ".join(found.would_lose)
        raise InvalidTarget(f"it can change its priority only if made anew, without {lost}")
    await work.ports.records.put(name, found.document)
