"""A VM that does not answer: keep what its console shows, then restart it."""

from __future__ import annotations

from shared.core.command_output import fit_to_keep
from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.wire import write_moment
from shared.engine.effects.power import send_once
from shared.engine.effects.work import Work, already, done


def record_name(plan: str, step: int) -> str:
    """Name the document that keeps what a console showed."""
    return f"console/{plan}-{step}.json"


async def boot_diagnostics(work: Work) -> StepResult:
    """Keep what the serial console wrote, before a restart begins a new page.

    It lies with the other records, and not in the ledger: a console may show secrets. A
    machine without boot diagnostics is helped all the same.
    """
    text = await work.ports.vm_care.console(work.target)
    if text is None:
        return already(Reason.NO_CONSOLE)
    name = record_name(work.plan.id, work.index)
    document = {
        "plan": work.plan.id,
        "vm": work.target,
        "read_at": write_moment(work.now()),
        "console": fit_to_keep(text),
    }
    work.must_be_ours()
    await work.ports.records.keep(name, document)
    return done(record=name, characters=len(text))


async def restart(work: Work) -> StepResult:
    """Restart a VM where it is."""
    return await send_once(work, work.ports.vm_care.restart)
