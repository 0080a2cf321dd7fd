"""The queue of plans: each message goes on with one plan, or reminds of one Hold."""

from __future__ import annotations

import json

import azure.functions as func

blueprint = func.Blueprint()
QUEUE = "plans"


@blueprint.function_name("carry_out_plan")
@blueprint.queue_trigger(
    arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage"
)
async def carry_out_plan(message: func.QueueMessage) -> None:
    """Go on with a plan; raising puts the message back, the sweep finds what is lost."""
    from shared.bootstrap import night
    from shared.core.plans import Plan
    from shared.engine.events import wake
    from shared.journal import note_answer, note_plan

    left = await wake(night(), json.loads(message.get_body()))
    if isinstance(left, Plan):
        note_plan(left)
    elif left is not None:
        note_answer("carry_out_plan", left)


@blueprint.function_name("carry_out_plan_poison")
@blueprint.queue_trigger(
    arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage"
)
async def carry_out_plan_poison(message: func.QueueMessage) -> None:
    """Keep a message that failed every time; its plan stays open for the sweep."""
    from shared.bootstrap import night
    from shared.engine.inlet import quarantine

    why = "carrying out failed every time it was tried"
    await quarantine(night(), message.get_body(), why=why, source=f"{QUEUE}-poison")
