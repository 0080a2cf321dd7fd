"""People: see what is asked, open one question, say yes or no.

A person opens a page from a message, so two of these routes are anonymous to the host:
they check the link's signature or the sign-in themselves, before anything is read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.core.approvals import Approval, Refusal, Voice
    from shared.core.sign_in import Identity

blueprint = func.Blueprint()
_LOG = logging.getLogger("nightshift")
_SIGNATURE = ("exp", "kid", "sig")


@blueprint.function_name("list_approvals")
@blueprint.route(route="approvals", methods=["GET"])
async def list_approvals(req: func.HttpRequest) -> func.HttpResponse:
    """List the questions that wait for an answer, or whose yes was not used yet."""
    return await _answered(req, _list)


async def _list(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.admission import let_in
    from shared.bootstrap import night, sign_in
    from shared.core.approvals_json import approval_view

    sign_in().refuse_forged(_headers(req))
    await let_in(req)
    waiting = await night().ports.approvals.unsettled()
    return reply({"approvals": [approval_view(one) for one in waiting]})


@blueprint.function_name("show_approval")
@blueprint.route(route="approvals/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_approval(req: func.HttpRequest) -> func.HttpResponse:
    """Show one question and its plan, to a signed link or a person with the role.

    Opening it has no effect, whoever or whatever opens it.
    """
    return await _answered(req, _show)


async def _show(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.approval_replies import answered, viewer_of
    from shared.bootstrap import night

    identity = await _admitted(req)
    return answered(req, await _found(req), viewer_of(req, night().settings, identity))


@blueprint.function_name("decide_approval")
@blueprint.route(route="approvals/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def decide_approval(req: func.HttpRequest) -> func.HttpResponse:
    """Say yes or no: ``{"decision": "approve" | "reject", "reason", "name"}``, or a form."""
    return await _answered(req, _decide)


async def _decide(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.approval_replies import answered, refused_answer, viewer_of
    from shared.bootstrap import night
    from shared.core.approvals import Refusal, Refused
    from shared.engine.consenting import decide

    engine, identity = night(), await _admitted(req)
    viewer, voice = viewer_of(req, engine.settings, identity), _voice(req, identity)
    try:
        decided = await decide(engine, req.route_params["id"], voice)
    except Refused as refused:
        if refused.refusal is Refusal.UNKNOWN_APPROVAL:
            raise
        _note_refused(req, refused.refusal)
        return refused_answer(req, refused, viewer, await _found(req))
    _LOG.warning(
        "approval=%s state=%s plan=%s channel=%s verified=%s",
        decided.id,
        decided.state,
        decided.plan_id,
        voice.channel,
        voice.is_verified,
    )
    waits = f"{decided.yes_so_far} of {decided.quorum} said yes; one more person must"
    return answered(req, decided, viewer, note=decided.verdict or waits)


async def _admitted(req: func.HttpRequest) -> Identity | None:
    """Let in a good link or a person with the role; return the person, if there is one.

    Everything that costs nothing is checked first, and nothing stored is read.
    """
    from shared.bootstrap import night, sign_in
    from shared.core.approvals import Refusal, Refused
    from shared.core.links import check
    from shared.core.sign_in import is_cross_site

    engine, headers = night(), _headers(req)
    sign_in().refuse_forged(headers)
    if req.method == "POST" and is_cross_site(
        headers, engine.settings.url, is_form=_is_form(req)
    ):
        raise Refused(
            Refusal.CROSS_SITE, "another site made your browser send this: open the page"
        )
    link = {name: req.params[name] for name in _SIGNATURE if name in req.params}
    if link:
        now = engine.ports.clock.now()
        check(engine.settings.link_keys, req.route_params["id"], link, now)
    identity = await sign_in().approver(headers)
    if identity is None and not link:
        raise Refused(
            Refusal.NOT_SIGNED_IN, "open the link as it was sent to you, or sign in with Entra"
        )
    return identity


async def _found(req: func.HttpRequest) -> Approval:
    from shared.bootstrap import night
    from shared.core.approvals import Refusal, Refused
    from shared.core.deciding import settle

    engine, name = night(), req.route_params["id"]
    found = await engine.ports.approvals.find(name)
    if found is None:
        raise Refused(Refusal.UNKNOWN_APPROVAL, f"there is no approval {name[:40]!r}")
    return settle(found, engine.ports.clock.now())


def _voice(req: func.HttpRequest, identity: Identity | None) -> Voice:
    """Read what is said, and who says it: the sign-in's word, else their own."""
    from shared.bootstrap import night
    from shared.core.approvals import Voice
    from shared.core.errors import MalformedEvent
    from shared.parsing.approval_request import parse_decision

    said = parse_decision(req.get_body(), req.headers.get("content-type", ""))
    if identity is not None and said.name and said.name.casefold() != identity.name.casefold():
        raise MalformedEvent(f"$.name: you are signed in as {identity.name}: leave it out")
    return Voice(
        person=identity.name if identity else said.name,
        is_yes=said.is_yes,
        reason=said.reason,
        channel="page" if _is_form(req) else "api",
        at=night().ports.clock.now(),
        is_verified=identity is not None,
        subject=identity.subject if identity else "",
    )


async def _answered(
    req: func.HttpRequest, work: Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Do the work of a route; a refusal says its one word, and a forged header is kept."""
    from shared.adapters.replies import or_problem

    async def refusing() -> func.HttpResponse:
        from shared.adapters.approval_replies import refused_answer, viewer_of
        from shared.bootstrap import night
        from shared.core.approvals import Refusal, Refused
        from shared.engine.consenting import record_forged

        try:
            return await work(req)
        except Refused as refused:
            _note_refused(req, refused.refusal)
            if refused.refusal is Refusal.HEADER_NOT_BELIEVED:
                claimed = req.headers.get("x-ms-client-principal-name", "")
                await record_forged(night(), req.route_params.get("id", ""), claimed)
            return refused_answer(req, refused, viewer_of(req, night().settings))

    return await or_problem(refusing)


def _headers(req: func.HttpRequest) -> dict[str, str]:
    return {name.casefold(): value for name, value in req.headers.items()}


def _is_form(req: func.HttpRequest) -> bool:
    from shared.parsing.approval_request import is_form

    return is_form(req.headers.get("content-type", ""))


def _note_refused(req: func.HttpRequest, refusal: Refusal) -> None:
    name = req.route_params.get("id", "")[:32]
    _LOG.warning("approval=%r refused=%s method=%s", name, refusal, req.method)
