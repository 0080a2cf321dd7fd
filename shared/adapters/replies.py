"""HTTP answers: JSON, and RFC 9457 problem details for every no.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import azure.functions as func

from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidSetting,
    InvalidTarget,
    MalformedEvent,
    Misconfigured,
    NotJson,
    RetryLater,
)

NOT_WORKING = "a setting or a rule of the app is wrong: see its log"
PROBLEM = "application/problem+json"
_LOG = logging.getLogger("nightshift")


def reply(body: object, status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    """Answer with JSON."""
    return func.HttpResponse(
        json.dumps(body, indent=2, default=str) + "\n",
        status_code=status,
        mimetype="application/json",
    )


def problem(
    status: HTTPStatus, detail: str, *, after: timedelta | None = None, **more: Any
) -> func.HttpResponse:
    """Say no: what was wrong, and in ``more`` what would be right."""
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    headers = {"Retry-After": str(max(1, round(after.total_seconds())))} if after else {}
    return func.HttpResponse(
        json.dumps({**body, **more}, indent=2, default=str) + "\n",
        status_code=status,
        mimetype=PROBLEM,
        headers=headers,
    )


async def or_problem(work: Callable[[], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
    """Do the work of a route; what it raises on purpose becomes a problem.

    A store that cannot be written answers 503, never 500: that is what makes an action
    group and most clients send again.
    """
    try:
        return await work()
    except AutomationError as error:
        _LOG.warning("request refused: %s", error)
        return _problem_for(error)


async def or_unavailable(
    work: Callable[[], Awaitable[func.HttpResponse]],
) -> func.HttpResponse:
    """Do the work of an inlet; whatever goes wrong answers 503, so that it is sent again.

    An action group sends again after 503 and not after 500, 401 or 403: a role that is
    missing, or a defect of ours, must not cost the alert.

    Source: https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups (webhook
    retries on 408, 429, 503, 504)
    """
    try:
        return await work()
    except Exception as error:  # noqa: BLE001 - 500 would lose the alert, see above
        _LOG.exception("inlet failed")
        after = error.after if isinstance(error, RetryLater) else None
        is_told = isinstance(error, AutomationError) and not isinstance(error, Misconfigured)
        detail = str(error) if is_told else "it could not be taken in: see the log"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, after=after)


def _problem_for(error: AutomationError) -> func.HttpResponse:
    match error:
        case Misconfigured():
            # What is wrong stands in the log: settings are not for whoever asks.
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, NOT_WORKING)
        case NotJson():
            return problem(HTTPStatus.BAD_REQUEST, str(error))
        case MalformedEvent() | InvalidTarget() | InvalidSetting():
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case Forbidden():
            return problem(HTTPStatus.FORBIDDEN, str(error))
        case RetryLater():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), after=error.after)
        case _:
            return problem(HTTPStatus.CONFLICT, str(error))
