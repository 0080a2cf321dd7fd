"""People: start a runbook, read plans and events, ask for health."""

from __future__ import annotations

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import azure.functions as func

if TYPE_CHECKING:
    from shared.engine.pausing import Person
    from shared.engine.request import Answer

blueprint = func.Blueprint()
_LOG = logging.getLogger("nightshift")
RETRY = timedelta(seconds=5)
LIST_LIMIT = 50
LIST_MOST = 200
STATES = ("", "open", "closed")


@blueprint.function_name("start_runbook")
@blueprint.route(route="runbooks/{remediation}", methods=["POST"])
async def start_runbook(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Start a remediation by hand: 202 with the plan, or why not.

    The header ``Idempotency-Key`` makes sending again safe.
    """
    from shared.admission import for_people

    return await for_people(req, lambda: _start(req, context.invocation_id), to_operate=True)


async def _start(req: func.HttpRequest, invocation: str) -> func.HttpResponse:
    from shared.adapters.replies import problem
    from shared.bootstrap import night
    from shared.core.resource_ids import ResourceId
    from shared.engine.runbook import check_target, start
    from shared.journal import note_answer
    from shared.parsing import parse_runbook_request

    engine, name = night(), req.route_params["remediation"]
    if name not in engine.remediations:
        return problem(
            HTTPStatus.NOT_FOUND,
            f"no remediation is called {name!r}",
            known=list(engine.remediations),
        )
    asked = parse_runbook_request(req.get_body())
    check_target(engine.remediations[name], ResourceId.parse(asked.target).type, asked.target)
    given = await start(
        engine,
        name,
        target=asked.target,
        given=asked.settings,
        is_dry_run=asked.is_dry_run,
        request_id=req.headers.get("Idempotency-Key") or f"runbook-{invocation}",
        reason=asked.reason,
        requester=await _requester(req),
    )
    note_answer("start_runbook", given)
    return _shown(given)


async def _requester(req: func.HttpRequest) -> Person | None:
    """Name who asks, if a sign-in vouches for them; a doubtful one names nobody."""
    from shared.bootstrap import sign_in
    from shared.core.approvals import Refused
    from shared.engine.pausing import Person

    headers = {name.casefold(): text for name, text in req.headers.items()}
    try:
        found = await sign_in().who(headers)
    except Refused:
        return None
    return Person(found.name, is_verified=True, subject=found.subject) if found else None


def _shown(given: Answer) -> func.HttpResponse:
    """Show the plan, or the reason why there is none."""
    from shared.adapters.replies import problem, reply
    from shared.core.decisions import Reason
    from shared.core.wire import plan_view

    said = given.rulings[0].to_json()
    event: dict[str, Any] = {"event_id": given.signal.event_id, "decision": said}
    if given.stored is not None:
        view = plan_view(given.stored.plan)
        return reply({**view, "event_id": given.signal.event_id}, HTTPStatus.ACCEPTED)
    if given.dry is not None:
        return reply({**plan_view(given.dry), **event}, HTTPStatus.ACCEPTED)
    reason, detail = said["reason"], said.get("detail") or "no plan follows from this request"
    if reason == Reason.TARGET_GONE:
        works = f"there is no such resource as {given.signal.target}"
        return problem(HTTPStatus.NOT_FOUND, works, **event)
    if reason == Reason.AWAITING_APPROVAL:
        return reply({"state": "awaiting_approval", **event}, HTTPStatus.ACCEPTED)
    if reason == Reason.UNREADABLE and said["kind"] == "hold":
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, after=RETRY, **event)
    return problem(HTTPStatus.CONFLICT, f"{reason}: {detail}", **event)


@blueprint.function_name("list_plans")
@blueprint.route(route="plans", methods=["GET"])
async def list_plans(req: func.HttpRequest) -> func.HttpResponse:
    """List plans, newest first: ``?state=open|closed&limit=1..200&after=<next>``."""
    from shared.admission import for_people

    return await for_people(req, lambda: _list(req))


async def _list(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.core.wire import plan_view

    state, limit = req.params.get("state", ""), req.params.get("limit", str(LIST_LIMIT))
    if state not in STATES:
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"state was {state!r}; it may be open or closed"
        )
    if not limit.isdecimal() or not 1 <= int(limit) <= LIST_MOST:
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"limit was {limit!r}; it may be 1 to {LIST_MOST}"
        )
    after = req.params.get("after", "")
    page = await night().ports.ledger.list_plans(state=state, limit=int(limit), after=after)
    return reply(
        {"plans": [plan_view(plan) for plan in page.plans], "next": page.next or None}
    )


@blueprint.function_name("get_plan")
@blueprint.route(route="plans/{id}", methods=["GET"])
async def get_plan(req: func.HttpRequest) -> func.HttpResponse:
    """Show one plan with every step, time and reason."""
    from shared.admission import for_people

    return await for_people(req, lambda: _plan(req.route_params["id"]))


async def _plan(plan_id: str) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.core.wire import plan_view

    stored = await night().ports.ledger.find(plan_id)
    if stored is None:
        return problem(HTTPStatus.NOT_FOUND, f"no plan has the id {plan_id!r}")
    return reply(plan_view(stored.plan))


@blueprint.function_name("get_event")
@blueprint.route(route="events/{event_id}", methods=["GET"])
async def get_event(req: func.HttpRequest) -> func.HttpResponse:
    """Show what became of one event: signals, decisions with reasons, plans."""
    from shared.admission import for_people

    return await for_people(req, lambda: _event(req.route_params["event_id"]))


async def _event(event_id: str) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.engine.views import event_view

    view = await event_view(night(), event_id)
    if view is None:
        return problem(HTTPStatus.NOT_FOUND, f"no event has the id {event_id!r}")
    return reply(view)


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Say whether settings and rules are good; nothing that a stranger could use."""
    from shared.adapters.replies import reply
    from shared.bootstrap import night, rule_watch
    from shared.core.errors import InvalidSetting, RetryLater

    try:
        engine = night()
    except (InvalidSetting, RetryLater) as error:
        _LOG.error("not working: %s", error)
        said = {"status": "unhealthy", "problem": "a setting or a rule is wrong: see the log"}
        return reply(said, HTTPStatus.SERVICE_UNAVAILABLE)
    watch = rule_watch()
    status = "degraded" if watch is not None and watch.is_degraded else "ok"
    return reply({"status": status, "rules": len(engine.rules.rules)})
