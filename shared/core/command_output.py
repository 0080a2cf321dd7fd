"""What a command wrote, made fit to be kept: its exit code, no secret, no more than a page.

Pure. A command that a machine's owner wrote may print anything; what looks like a
credential is struck out before it is stored, and the middle of a long text is left out.
"""

from __future__ import annotations

import re

LIMIT = 8_000
EXIT_MARK = "nightshift-exit="
STRUCK_OUT = "***"
_EXIT = re.compile(rf"^{EXIT_MARK}(\d{{1,3}})\s*$", re.MULTILINE)
_SECRET = re.compile(
    r"(?i)(?P<name>\b(?:bearer|basic)\s+"
    r"|[\w.-]*(?:passw(?:or)?d|pwd|secret|token|api[-_]?key|access[-_]?key|account[-_]?key|sig"
    r"|signature|credential|connection[-_]?string)\w*[\"']?\s*[=:]\s*[\"']?)[^\s\"'&;,]+"
)
_LONG_BASE64 = re.compile(r"\b[A-Za-z0-9+/_-]{60,}={0,2}")
_PRIVATE = re.compile(
    r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL
)


def exit_code(text: str) -> int | None:
    """Read the code that the last line of our own wrote; None if it never came to it."""
    found = _EXIT.findall(text)
    return int(found[-1]) if found else None


def fit_to_keep(text: str) -> str:
    """Strike out what looks like a secret, then cut the middle out of what is too long."""
    clean = _PRIVATE.sub(STRUCK_OUT, text)
    clean = _SECRET.sub(lambda m: m.group("name") + STRUCK_OUT, clean)
    clean = _LONG_BASE64.sub(STRUCK_OUT, clean)
    if len(clean) <= LIMIT:
        return clean
    half = LIMIT // 2
    return (
        f"{clean[:half]}\n... {len(clean) - 2 * half} characters left out ...\n{clean[-half:]}"
    )
