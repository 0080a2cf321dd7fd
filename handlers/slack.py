"""Clicks in Slack. Anonymous to the host: what is not signed by Slack is refused here."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from shared.engine.replying import Replied
    from shared.parsing.slack_reply import SlackReply

blueprint = func.Blueprint()
_LOG = logging.getLogger("nightshift")


@blueprint.function_name("on_slack_action")
@blueprint.route(route="slack/actions", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def on_slack_action(req: func.HttpRequest) -> func.HttpResponse:
    """Take one click: 200 within three seconds, and the answer under the click."""
    from shared.adapters.replies import or_problem

    return await or_problem(lambda: _hear(req))


async def _hear(req: func.HttpRequest) -> func.HttpResponse:
    from shared.adapters.replies import problem, reply
    from shared.bootstrap import night
    from shared.engine.replying import answer
    from shared.parsing.slack_reply import SlackRefused, parse_slack_reply, verify

    engine, body = night(), req.get_body()
    settings = engine.settings
    if not settings.slack_signing_secret:
        return problem(HTTPStatus.NOT_FOUND, "answers from Slack are not configured")
    try:
        now = engine.ports.clock.now()
        verify(dict(req.headers), body, settings.slack_signing_secret, now)
        click = parse_slack_reply(
            body, settings.slack_signing_secret, settings.slack_reply_hosts
        )
    except SlackRefused as refused:
        _LOG.warning("slack=refused reason=%s", refused.refusal)
        status = HTTPStatus.UNAUTHORIZED
        return problem(status, str(refused), reason=str(refused.refusal))
    if click is None:
        return reply({"heard": False})
    replied = await answer(engine, click)
    await _show(click, replied)
    return reply({"heard": True, "reason": str(replied.refusal), "detail": replied.said})


async def _show(click: SlackReply, replied: Replied) -> None:
    """Answer in Slack; if that fails the decision stands, and the next click shows it."""
    from shared.adapters.slack import answer_click
    from shared.core.cards_slack import answered_message, private_message
    from shared.core.errors import AutomationError

    _LOG.warning(
        "slack=%s approval=%s user=%s person=%s reason=%s",
        "refused" if replied.refusal else "heard",
        click.approval_id,
        click.user,
        replied.person,
        replied.refusal,
    )
    if not click.answer_at:
        _LOG.warning("slack=unanswered approval=%s why=no_address", click.approval_id)
        return
    message = (
        answered_message(replied.title, replied.said)
        if replied.title
        else private_message(replied.said)
    )
    try:
        await answer_click(click.answer_at, message)
    except AutomationError as error:
        _LOG.warning("slack=unanswered approval=%s why=%r", click.approval_id, str(error))
