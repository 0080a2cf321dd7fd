"""A person's request to run one remediation on one target, read strictly.

A person can correct a mistake at once, so nothing is guessed and nothing ignored: a
misspelled ``dry_run`` must not start the real thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.json_bounds import MAX_TEXT
from shared.core.json_reading import read_request

MAX_BODY = 64 * 1024  # bytes
_KNOWN = ("target", "with", "dry_run", "reason")


@dataclass(frozen=True, slots=True)
class RunbookRequest:
    """What was asked for.

    Attributes:
        target: ARM id as written.
        settings: The request's ``with``: settings of the remediation, not yet checked.
        reason: Why, in the person's words, for the ledger; may be empty.
    """

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_dry_run: bool = False
    reason: str = ""


def parse_runbook_request(body: bytes | str | object) -> RunbookRequest:
    """Read ``{"target": ARM id, "with"?: {...}, "dry_run"?: bool, "reason"?: text}``.

    Raises:
        MalformedEvent: It is anything else; the message names the JSON path.
    """
    fields = read_request(body, _KNOWN, limit=MAX_BODY)
    reason = fields.text("reason") if "reason" in fields.fields else ""
    if len(reason) > MAX_TEXT:
        raise fields.wrong("reason", f"at most {MAX_TEXT} characters")
    return RunbookRequest(
        target=fields.arm_id("target").text,
        settings=dict(fields.object("with").fields) if "with" in fields.fields else {},
        is_dry_run=fields.flag("dry_run", default=False),
        reason=reason,
    )
