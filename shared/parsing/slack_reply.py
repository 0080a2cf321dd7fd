"""A click in Slack -> what somebody said to a question, or why it is not believed.

Slack signs the raw body with the moment; that proves where it comes from and not that it
comes once, so the button's value brings a mark of our own, which a person may use once.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack (v0, raw body, five
minutes); https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from shared.core.approvals import is_approval_id
from shared.core.cards_slack import APPROVE, REJECT
from shared.core.errors import GiveUp, MalformedEvent
from shared.core.json_bounds import check_json, load_json
from shared.core.json_reading import JsonObject

MAX_BODY = 512 * 1024  # bytes; it repeats the message that was clicked in
CLOCKS_DIFFER_S = 300
SIGNATURE, MOMENT = "x-slack-signature", "x-slack-request-timestamp"
_SECONDS = re.compile(r"[0-9]{1,12}")
_WORDS = {True: "yes", False: "no"}
_ACTIONS = {APPROVE: True, REJECT: False}
_MARK = 32  # hexadecimal digits: 128 bits


class SlackRefusal(StrEnum):
    """Why a click was not taken, beside what the question itself refuses. Stable."""

    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    OLD_REQUEST = "old_request"
    FORGED_BUTTON = "forged_button"
    REPLAYED = "replayed"
    UNKNOWN_USER = "unknown_user"


class SlackRefused(GiveUp):
    """Nothing was decided; ``refusal`` says why in one word, the message in a sentence."""

    def __init__(self, refusal: SlackRefusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class SlackReply:
    """One click on a button that decides.

    Attributes:
        user: Slack's id of who clicked.
        mark: What the button brought; see ``button_value``.
        answer_at: Address for the answer, or empty if it is none that we write to.
    """

    user: str
    approval_id: str
    is_yes: bool
    mark: str
    answer_at: str

    @property
    def once(self) -> str:
        """Name what may be used once: one button, by one person."""
        return f"slack|{self.user}|{self.mark}"


def button_value(secret: str, approval_id: str, *, is_yes: bool) -> str:
    """Write a button's value: the question, the answer, and a mark only we can make."""
    word = _WORDS[is_yes]
    return f"{approval_id}.{word}.{_mark(secret, approval_id, word)}"


def _mark(secret: str, approval_id: str, word: str) -> str:
    text = f"nightshift-slack-button-1\n{approval_id}\n{word}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:_MARK]


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Believe that Slack sent a body just now.

    Args:
        headers: Their names in any case.

    Raises:
        SlackRefused: It did not, or not now.
        MalformedEvent: It is too large to be looked at.
    """
    if len(body) > MAX_BODY:
        raise MalformedEvent(f"$: was {len(body)} bytes, should be at most {MAX_BODY}")
    folded = {name.casefold(): value.strip() for name, value in headers.items()}
    said, moment = folded.get(SIGNATURE, ""), folded.get(MOMENT, "")
    if not said or not _SECONDS.fullmatch(moment):
        raise SlackRefused(
            SlackRefusal.UNSIGNED, f"the headers {SIGNATURE} and {MOMENT} are missing or odd"
        )
    if abs(now.timestamp() - int(moment)) > CLOCKS_DIFFER_S:
        raise SlackRefused(
            SlackRefusal.OLD_REQUEST,
            f"it was signed more than {CLOCKS_DIFFER_S // 60} minutes from now",
        )
    signed = b"v0:" + moment.encode() + b":" + body
    right = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), said.encode(errors="replace")):
        raise SlackRefused(
            SlackRefusal.BAD_SIGNATURE, "the signature is not of this body and our secret"
        )


def parse_slack_reply(
    body: bytes, secret: str, answer_hosts: tuple[str, ...]
) -> SlackReply | None:
    """Read a verified click; None for one that is not on a button that decides.

    Args:
        answer_hosts: Where an answer may be written to, ``host`` or ``host:port``.

    Raises:
        MalformedEvent: It is not what Slack's schema says.
        SlackRefused: The button is none that we made.
    """
    payload = _payload(body)
    if payload.text("type") != "block_actions":
        return None
    actions = payload.objects("actions")
    action = next((one for one in actions if one.get("action_id") in _ACTIONS), None)
    if action is None:
        return None
    is_yes = _ACTIONS[str(action.get("action_id"))]
    approval_id, mark = _opened(action.identifier("value"), secret, is_yes=is_yes)
    return SlackReply(
        user=payload.object("user").identifier("id"),
        approval_id=approval_id,
        is_yes=is_yes,
        mark=mark,
        answer_at=_answer_at(payload.optional_text("response_url"), answer_hosts),
    )


def _payload(body: bytes) -> JsonObject:
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)
    except ValueError as exc:  # UnicodeDecodeError is one
        raise MalformedEvent("$: should be a form with the field payload") from exc
    texts = fields.get("payload", [])
    if len(texts) != 1:
        raise MalformedEvent(f"$: has the field payload {len(texts)} times, should once")
    value = load_json(texts[0], limit=MAX_BODY)
    check_json(value)
    return JsonObject.of(value)


def _opened(value: str, secret: str, *, is_yes: bool) -> tuple[str, str]:
    """Take a button's value apart, if it is ours and says what the button says."""
    approval_id, _, rest = value.partition(".")
    word, _, mark = rest.partition(".")
    right = _mark(secret, approval_id, word)
    is_ours = hmac.compare_digest(right.encode(), mark.encode(errors="replace"))
    if not is_ours or not is_approval_id(approval_id) or word != _WORDS[is_yes]:
        raise SlackRefused(SlackRefusal.FORGED_BUTTON, "this button is none that we made")
    return approval_id, mark


def _answer_at(address: str, hosts: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    is_ours = parts.scheme == "https" and parts.netloc.casefold() in hosts
    return address if is_ours else ""
