"""Event Grid, directly and through a storage queue.

The direct trigger carries what cannot wait; it works on its plans itself while its
budget lasts. What the queue brings is left to the queue of plans.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import azure.functions as func

blueprint = func.Blueprint()
QUEUE = "platform-events"


@blueprint.function_name("on_maintenance_event")
@blueprint.event_grid_trigger(arg_name="event")
async def on_maintenance_event(event: func.EventGridEvent, context: func.Context) -> None:
    """Answer a maintenance notice or a health event; raising makes Event Grid retry."""
    from shared.bootstrap import night

    budget = night().settings.event_budget
    await _hear("on_maintenance_event", _body(event), budget, context)


@blueprint.function_name("on_platform_event")
@blueprint.queue_trigger(
    arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage"
)
async def on_platform_event(message: func.QueueMessage, context: func.Context) -> None:
    """Answer an event that Event Grid put into the queue; raising puts it back."""
    await _hear("on_platform_event", message.get_body(), timedelta(0), context)


@blueprint.function_name("on_platform_event_poison")
@blueprint.queue_trigger(
    arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage"
)
async def on_platform_event_poison(message: func.QueueMessage) -> None:
    """Keep an event that failed every time, so that a person can look and send it again."""
    from shared.bootstrap import night
    from shared.engine.inlet import quarantine

    why = "handling it failed every time it was tried"
    await quarantine(night(), message.get_body(), why=why, source=f"{QUEUE}-poison")


async def _hear(inlet: str, body: bytes, budget: timedelta, context: func.Context) -> None:
    from shared.bootstrap import night, telemetry
    from shared.engine.beats import heard_beats
    from shared.engine.inlet import take_in
    from shared.journal import note_heard, tell_heard
    from shared.parsing import parse_events

    engine = night()
    if await heard_beats(engine, body):
        return
    began = engine.ports.clock.now()
    parse = partial(parse_events, received_at=began)
    heard = await take_in(engine, body, parse, source=inlet, budget=budget)
    note_heard(inlet, heard)
    caller = context.trace_context.trace_parent
    tell_heard(telemetry(), inlet, heard, (began, engine.ports.clock.now()), caller)


def _body(event: func.EventGridEvent | func.CloudEvent) -> bytes:
    """Write the event as it was sent: the worker picks the class by the body's shape."""
    fields: dict[str, Any]
    if isinstance(event, func.CloudEvent):
        fields = {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": event.time.isoformat() if event.time else None,
            "data": event.get_json(),
        }
    else:
        fields = {
            "id": event.id,
            "topic": event.topic,
            "subject": event.subject,
            "eventType": event.event_type,
            "eventTime": event.event_time.isoformat() if event.event_time else None,
            "dataVersion": event.data_version,
            "data": event.get_json(),
        }
    return json.dumps({k: v for k, v in fields.items() if v is not None}).encode()
