"""Maintenance notices: whoever may acknowledge one asks whether all are drained."""

from __future__ import annotations

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("get_notice")
@blueprint.route(route="notices/{event_id}", methods=["GET"])
async def get_notice(req: func.HttpRequest) -> func.HttpResponse:
    """Say whether a notice may be acknowledged, and what each machine is waited for."""
    from shared.adapters.replies import or_problem

    return await or_problem(lambda: _notice(req.route_params["event_id"].lower()))


async def _notice(event_id: str) -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.engine.acknowledging import readiness_of, readiness_view

    engine = night()
    found = await readiness_of(engine, event_id)
    return reply(readiness_view(event_id, found, by=engine.settings.acknowledge))
