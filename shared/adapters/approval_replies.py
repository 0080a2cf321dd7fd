"""How a question, or the refusal of a word about it, is answered over HTTP.

A browser gets a page, a program JSON; a refusal always carries its one word.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import azure.functions as func

from shared.adapters.approval_page import Viewer, question_page, refusal_page
from shared.adapters.html_replies import page
from shared.adapters.replies import problem, reply
from shared.core.approvals import Approval, Refusal, Refused
from shared.core.approvals_json import approval_view
from shared.core.settings import Settings
from shared.core.sign_in import Identity

STATUS: Mapping[Refusal, HTTPStatus] = {
    Refusal.TAMPERED: HTTPStatus.FORBIDDEN,
    Refusal.UNKNOWN_KEY: HTTPStatus.FORBIDDEN,
    Refusal.LINK_EXPIRED: HTTPStatus.GONE,
    Refusal.UNKNOWN_APPROVAL: HTTPStatus.NOT_FOUND,
    Refusal.APPROVAL_EXPIRED: HTTPStatus.GONE,
    Refusal.ALREADY_DECIDED: HTTPStatus.CONFLICT,
    Refusal.PLAN_CHANGED: HTTPStatus.CONFLICT,
    Refusal.NOT_SIGNED_IN: HTTPStatus.UNAUTHORIZED,
    Refusal.HEADER_NOT_BELIEVED: HTTPStatus.FORBIDDEN,
    Refusal.BAD_TOKEN: HTTPStatus.UNAUTHORIZED,
    Refusal.TOKEN_EXPIRED: HTTPStatus.UNAUTHORIZED,
    Refusal.WRONG_ISSUER: HTTPStatus.UNAUTHORIZED,
    Refusal.WRONG_AUDIENCE: HTTPStatus.UNAUTHORIZED,
    Refusal.NOT_A_PERSON: HTTPStatus.FORBIDDEN,
    Refusal.WRONG_ROLE: HTTPStatus.FORBIDDEN,
    Refusal.SAME_PERSON: HTTPStatus.FORBIDDEN,
    Refusal.CROSS_SITE: HTTPStatus.FORBIDDEN,
    Refusal.REASON_MISSING: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refusal.NAME_MISSING: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def answered(
    req: func.HttpRequest, approval: Approval, viewer: Viewer, *, note: str = ""
) -> func.HttpResponse:
    """Show a question: a page to a browser, JSON to a program."""
    if not wants_page(req):
        return reply(approval_view(approval))
    return page(question_page(approval, viewer, note=note))


def refused_answer(
    req: func.HttpRequest, refused: Refused, viewer: Viewer, approval: Approval | None = None
) -> func.HttpResponse:
    """Say why not; to somebody who may see the question, beside it."""
    status, why = STATUS[refused.refusal], str(refused)
    if wants_page(req):
        if approval is None:
            return page(refusal_page("Not possible", why, viewer), status)
        return page(question_page(approval, viewer, note=why, is_bad=True), status)
    answer = problem(status, why, reason=refused.refusal.value)
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def viewer_of(
    req: func.HttpRequest, settings: Settings, identity: Identity | None = None
) -> Viewer:
    """Name who looks; else where App Service signs people in, and brings them back here.

    Source: https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
    """
    if identity is not None:
        return Viewer(identity.name)
    if not settings.app_service_auth:
        return Viewer()
    parts = urlsplit(req.url)
    here = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Viewer(
        sign_in_at=f"/.auth/login/aad?post_login_redirect_uri={quote(here, safe='')}"
    )


def wants_page(req: func.HttpRequest) -> bool:
    """Tell whether a browser asks."""
    return "text/html" in req.headers.get("accept", "").casefold()
