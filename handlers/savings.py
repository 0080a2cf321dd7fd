"""People: read what a month saved, by rule and team, and what idles still."""

from __future__ import annotations

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("get_savings")
@blueprint.route(route="savings/{month}", methods=["GET"])
async def get_savings(req: func.HttpRequest) -> func.HttpResponse:
    """Give the account of one month, ``2026-11`` or ``now``."""
    from shared.admission import for_people

    return await for_people(req, lambda: _get(str(req.route_params.get("month") or "")))


async def _get(month: str) -> func.HttpResponse:
    from http import HTTPStatus

    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.core.errors import InvalidTarget
    from shared.engine.saving import month_name, savings

    engine = night()
    name = month_name(engine.ports.clock.now()) if month == "now" else month
    try:
        return reply(await savings(engine, name))
    except InvalidTarget as error:
        return problem(HTTPStatus.NOT_FOUND, str(error))
