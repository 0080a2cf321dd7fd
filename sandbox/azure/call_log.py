"""Every call received, for tests to read. Bodies of writes only; never a token."""

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.azure import clock

Json = dict[str, Any]

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECRET_KEYS = frozenset({"access_token", "authorization", "password"})


@dataclass(slots=True)
class CallLog:
    """The calls in the order in which they came; status and ms follow when answered."""

    entries: list[Json] = field(default_factory=list)

    def open(self, method: str, path: str, raw: bytes) -> Json:
        """Note a call that has just come in."""
        entry: Json = {
            "time": clock.now_iso(),
            "method": method,
            "path": path,
            "status": None,
            "ms": None,
        }
        if raw and method in _WRITES:
            entry["body"] = _without_secrets(_readable(raw))
        self.entries.append(entry)
        return entry


def _readable(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return raw[:4096].decode("utf-8", "replace")


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: "***" if key.lower() in _SECRET_KEYS else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
