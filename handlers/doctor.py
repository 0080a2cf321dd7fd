"""People: how the app is, which forwarders it hears, and smoke tests of every way in."""

from __future__ import annotations

from http import HTTPStatus

import azure.functions as func

blueprint = func.Blueprint()
MOST_SHOWN = 1000


@blueprint.function_name("doctor")
@blueprint.route(route="doctor", methods=["GET"])
async def doctor(req: func.HttpRequest) -> func.HttpResponse:
    """Look at the app with its own identity: 200, whatever is found.

    ``?scope=&dead_letters=&checks=``, each a list with commas.
    """
    from shared.admission import for_people

    return await for_people(req, lambda: _doctor(req))


async def _doctor(req: func.HttpRequest) -> func.HttpResponse:
    from dataclasses import replace

    from shared.adapters.replies import reply
    from shared.bootstrap import night, rule_watch
    from shared.engine.checkup import CHECKS, about, look
    from shared.engine.checkup.asked import read_asked

    engine = night()
    asked = read_asked(
        scopes=req.params.get("scope", ""),
        dead_letters=req.params.get("dead_letters", ""),
        checks=req.params.get("checks", ""),
        known=CHECKS,
    )
    found = await look(engine, replace(asked, watch=rule_watch()))
    return reply({"about": about(engine), "findings": [one.to_json() for one in found]})


@blueprint.function_name("list_forwarders")
@blueprint.route(route="forwarders", methods=["GET"])
async def list_forwarders(req: func.HttpRequest) -> func.HttpResponse:
    """List the forwarders that were heard: ``?limit=1..1000&after=<next>``."""
    from shared.admission import for_people

    return await for_people(req, lambda: _forwarders(req))


async def _forwarders(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.engine.beats import roll_view

    limit = req.params.get("limit", "100")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= MOST_SHOWN):
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"limit was {limit[:20]!r}; it may be 1 to {MOST_SHOWN}",
        )
    engine = night()
    after = req.params.get("after", "")
    page = await engine.ports.upkeep.forwarders.roll(limit=int(limit), after=after)
    return reply(roll_view(engine, page))


@blueprint.function_name("start_smoke")
@blueprint.route(route="smoke", methods=["POST"])
async def start_smoke(req: func.HttpRequest) -> func.HttpResponse:
    """Give out tickets for made-up events; those the app sends itself are under way.

    ``{"target": ARM id}``, or no body.
    """
    from shared.admission import for_people

    return await for_people(req, lambda: _smoke(req), to_operate=True)


async def _smoke(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.core.errors import AutomationError
    from shared.core.smoke_tests import Inlet
    from shared.core.wire import write_moment
    from shared.engine.smoke import issue, put_into_queue, ticket_view
    from shared.parsing.smoke_request import parse_smoke_request

    engine = night()
    tickets = await issue(engine, parse_smoke_request(req.get_body()))
    queued = ""
    try:
        await put_into_queue(engine, next(one for one in tickets if one.inlet is Inlet.QUEUE))
    except AutomationError as error:  # the other ways in can be tried all the same
        queued = str(error)
    said = {
        "now": write_moment(engine.ports.clock.now()),
        "tests": [ticket_view(one) for one in tickets],
        "queue_failed": queued or None,
    }
    return reply(said, HTTPStatus.CREATED)
