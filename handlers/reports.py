"""People: read what the surveys found, newest first."""

from __future__ import annotations

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("list_reports")
@blueprint.route(route="reports", methods=["GET"])
async def list_reports(req: func.HttpRequest) -> func.HttpResponse:
    """Give the newest report of each survey and subscription; ``?survey=`` for one."""
    from shared.admission import for_people

    return await for_people(req, lambda: _list(req.params.get("survey") or ""))


async def _list(survey: str) -> func.HttpResponse:
    from http import HTTPStatus

    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.engine.surveying import latest
    from shared.surveys import discover

    known = discover()
    if survey and survey not in known:
        detail = f"no survey is called {survey!r}"
        return problem(HTTPStatus.NOT_FOUND, detail, surveys=sorted(known))
    return reply({"reports": await latest(night(), survey=survey)})
