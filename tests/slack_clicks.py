"""Clicks in Slack as Slack sends them: a form with a JSON payload, signed over its bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from shared.core.cards_slack import APPROVE, REJECT
from shared.parsing.slack_reply import button_value

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ADA, EVE = "U024BE7LH", "U0EVE0000"
ANSWER_AT = "https://hooks.slack.com/actions/T0/1/abc"


def a_click(
    approval_id: str,
    *,
    is_yes: bool = True,
    user: str = ADA,
    value: str = "",
    answer_at: str = ANSWER_AT,
    **changed: Any,
) -> bytes:
    """Make the body of a click.

    Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    action = {
        "type": "button",
        "block_id": "/TX5e",
        "action_id": APPROVE if is_yes else REJECT,
        "text": {"type": "plain_text", "text": "Approve", "emoji": False},
        "value": value or button_value(SECRET, approval_id, is_yes=is_yes),
        "action_ts": "1893466800.123456",
    }
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": "ada", "name": "Somebody Else", "team_id": "T0"},
        "api_app_id": "A0",
        "team": {"id": "T0", "domain": "night"},
        "container": {"type": "message", "message_ts": "1893466700.000100"},
        "response_url": answer_at,
        "actions": [action],
        "message": {"text": "May <cordon-first> act?", "blocks": []},
        **changed,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    """Sign a body as Slack does.

    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    moment = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), b"v0:" + moment.encode() + b":" + body, hashlib.sha256)
    return {
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": f"v0={mac.hexdigest()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
