"""A person's request for smoke tests, read strictly."""

from __future__ import annotations

from shared.core.json_reading import read_request

MAX_BODY = 16 * 1024  # bytes
MAX_TARGET = 2_000  # characters of an ARM id


def parse_smoke_request(body: bytes | str | object) -> str:
    """Read ``{"target"?}`` and return the target; no body asks for the default.

    Raises:
        MalformedEvent: It is anything else; the message names the JSON path.
    """
    if body in (b"", ""):
        return ""
    fields = read_request(body, ("target",), limit=MAX_BODY)
    target = fields.optional_text("target").strip()
    if len(target) > MAX_TARGET:
        raise fields.wrong("target", f"at most {MAX_TARGET} characters")
    return target
