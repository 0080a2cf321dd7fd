"""What a value must look like to leave the house: JSON, small enough, without secrets.

The ingestion service cuts a field beyond 64 KB without saying so and the client library
fails on a moment, so both are seen to here, where it can be said what was cut.

Source: https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.core.wire import write_moment

FIELD_LIMIT = 64 * 1024
HIDDEN = "***"
_SECRET_NAME = re.compile(
    r"(?i)password|passwd|secret|credential|authorization|connection_?string|account_?key"
    r"|api_?key|signature|bearer|(^|_|-)(sig|token|sas)$|token$"
)
_SECRET_TEXT = re.compile(
    r"(?i)(?P<name>\bbearer\s+|\b(?:sig|accountkey|sharedaccesskey|sharedaccesssignature"
    r"|client_secret|access_token|password)\s*=\s*)[^\s&;,\"']+"
)


def field(value: Any) -> Any:
    """Write a value as JSON that any service takes, at most 64 KB of it."""
    plain = _plain(value)
    size = _size(plain)
    if size <= FIELD_LIMIT:
        return plain
    if isinstance(plain, str):
        return _cut(plain, f"... (cut from {size} bytes)")
    text = json.dumps(plain)
    return {"cut_from_bytes": size, "begins": _cut(text, "...", margin=100)}


def _size(value: Any) -> int:
    """Count what the client will send: every character beyond ASCII is escaped."""
    return len(json.dumps(value))


def _cut(text: str, mark: str, *, margin: int = 0) -> str:
    """Keep the longest beginning that fits, by halving what is not known to fit."""
    room = FIELD_LIMIT - _size(mark) - margin
    low, high = 0, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(text[:middle]) <= room else (low, middle - 1)
    return text[:low] + mark


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\g<name>{HIDDEN}", _whole(value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {
            _whole(str(name)): HIDDEN if _SECRET_NAME.search(str(name)) else _plain(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return _plain(str(value))


def _whole(text: str) -> str:
    """Replace halves of surrogate pairs: no service reads them."""
    return str(text).encode(errors="replace").decode()
