"""People: pause, see what is paused, lift a pause; see and reset open breakers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.engine.pausing import Person

blueprint = func.Blueprint()
SIGNED_IN_AS = "x-ms-client-principal-name"


@blueprint.function_name("create_pause")
@blueprint.route(route="pauses", methods=["POST"])
async def create_pause(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Pause new plans within a scope: 201 with the pause.

    The header ``Idempotency-Key`` makes sending again safe.
    """
    from shared.admission import for_people

    return await for_people(req, lambda: _pause(req, context.invocation_id), to_operate=True)


async def _pause(req: func.HttpRequest, invocation: str) -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.engine.pausing import pause, pause_view
    from shared.journal import note_pause
    from shared.parsing.pause_request import parse_pause_request

    engine = night()
    asked = parse_pause_request(req.get_body())
    stored = await pause(
        engine,
        asked.scope,
        who=_who(req, asked.owner),
        reason=asked.reason,
        expires_in=asked.expires_in,
        request_id=req.headers.get("Idempotency-Key") or f"pause-{invocation}",
    )
    note_pause("paused", stored)
    return reply(pause_view(stored, engine.ports.clock.now()), HTTPStatus.CREATED)


@blueprint.function_name("list_pauses")
@blueprint.route(route="pauses", methods=["GET"])
async def list_pauses(req: func.HttpRequest) -> func.HttpResponse:
    """List the pauses in force."""
    from shared.admission import for_people

    return await for_people(req, _list)


async def _list() -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.engine.pausing import in_force, pause_view

    engine = night()
    now = engine.ports.clock.now()
    return reply({"pauses": [pause_view(one, now) for one in await in_force(engine)]})


@blueprint.function_name("lift_pause")
@blueprint.route(route="pauses/{id}", methods=["DELETE"])
async def lift_pause(req: func.HttpRequest) -> func.HttpResponse:
    """End a pause now, and record who did."""
    from shared.admission import for_people

    return await for_people(req, lambda: _lift(req), to_operate=True)


async def _lift(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.engine.pausing import lift, pause_view
    from shared.journal import note_pause
    from shared.parsing.pause_request import parse_lift_request

    engine, name = night(), req.route_params["id"]
    who = _who(req, parse_lift_request(req.get_body()))
    lifted = await lift(engine, name, who=who)
    if lifted is None:
        return problem(HTTPStatus.NOT_FOUND, f"no pause has the id {name[:80]!r}")
    note_pause("lifted", lifted)
    return reply(pause_view(lifted, engine.ports.clock.now()))


@blueprint.function_name("list_breakers")
@blueprint.route(route="breakers", methods=["GET"])
async def list_breakers(req: func.HttpRequest) -> func.HttpResponse:
    """List the breakers that are open, with what failed."""
    from shared.admission import for_people

    return await for_people(req, _breakers)


async def _breakers() -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.engine.breaker_reset import open_breakers

    return reply({"breakers": await open_breakers(night())})


@blueprint.function_name("reset_breaker")
@blueprint.route(route="breakers/reset", methods=["POST"])
async def reset_breaker(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Look again at what failed, drop what is over, close if the rest is no storm."""
    from shared.admission import for_people

    return await for_people(req, lambda: _reset(req, context.invocation_id), to_operate=True)


async def _reset(req: func.HttpRequest, invocation: str) -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night
    from shared.engine.breaker_reset import reset_breaker, reset_view
    from shared.parsing.reset_request import parse_reset_request

    asked = parse_reset_request(req.get_body())
    found = await reset_breaker(
        night(),
        asked.breaker,
        who=_who(req, asked.owner),
        request_id=req.headers.get("Idempotency-Key") or invocation,
        is_dry_run=asked.is_dry_run,
    )
    return reply(reset_view(found))


def _who(req: func.HttpRequest, said: str) -> Person:
    """Name who asks: the platform's sign-in where it stands in front, else their word."""
    from shared.bootstrap import night
    from shared.core.errors import MalformedEvent
    from shared.engine.pausing import Person

    signed_in = req.headers.get(SIGNED_IN_AS, "").strip()
    if night().settings.app_service_auth and signed_in:
        if said and said.casefold() != signed_in.casefold():
            raise MalformedEvent(f"$.owner: you are signed in as {signed_in}: leave it out")
        return Person(signed_in, is_verified=True)
    if not said:
        raise MalformedEvent('$.owner: is missing, should say who asks, as in "owner": "ada"')
    return Person(said)
