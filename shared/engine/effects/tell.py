"""Ask a person to look: a notice for the channels that the rule names.

Done means stored to be sent, until it is taken; nobody knows whether it was read.
"""

from __future__ import annotations

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.notices import told
from shared.core.plans import StepOutcome
from shared.core.terms import Channel
from shared.engine.effects.work import Work, failed


async def tell(work: Work) -> StepResult:
    """Post the notice; the same step posts it once, however often it is tried."""
    channels = tuple(Channel(name) for name in work.plan.channels)
    if not channels:
        return failed(Reason.NO_CHANNEL)
    notice = told(work.plan, str(work.args.get("message") or ""), channels)
    stored_for = await work.ports.notices.post(notice)
    if not stored_for:
        return failed(Reason.NO_CHANNEL, not_configured=list(work.plan.channels))
    return StepResult(StepOutcome.DONE, detail={"channels": sorted(stored_for)})
