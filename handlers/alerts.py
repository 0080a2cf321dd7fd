"""Alerts of an action group, in the common alert schema."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("on_alert")
@blueprint.route(route="alerts", methods=["POST"])
async def on_alert(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer one alert: 202 once its plan or its refusal is stored, 503 to be sent again."""
    from shared.adapters.replies import or_unavailable
    from shared.admission import for_alerts

    return await or_unavailable(
        lambda: for_alerts(req, lambda: _answer(req.get_body(), context))
    )


async def _answer(body: bytes, context: func.Context) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night, telemetry
    from shared.engine.inlet import take_in
    from shared.journal import note_heard, tell_heard
    from shared.parsing import parse_alert

    engine = night()
    began = engine.ports.clock.now()
    heard = await take_in(engine, body, parse_alert, source="on_alert", budget=timedelta(0))
    note_heard("on_alert", heard)
    caller = context.trace_context.trace_parent
    tell_heard(telemetry(), "on_alert", heard, (began, engine.ports.clock.now()), caller)
    if heard.malformed:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if heard.is_json else HTTPStatus.BAD_REQUEST
        return problem(status, heard.malformed[0].why)
    answers = [
        {
            "event_id": given.signal.event_id,
            "target": given.signal.target,
            "decisions": [ruling.to_json() for ruling in given.rulings],
        }
        for given in heard.answers
    ]
    return reply({"answers": answers}, HTTPStatus.ACCEPTED)
