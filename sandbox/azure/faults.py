"""Faults that a test orders: a status, a delay, a lost connection, a failed operation."""

import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

KNOWN_KEYS = (
    "pattern",
    "status",
    "headers",
    "body",
    "delay",
    "count",
    "drop_connection",
    "after_effect",
    "operation",
)


class FaultError(ValueError):
    """A fault that cannot be ordered; the message says why."""


@dataclass(slots=True)
class Fault:
    """One ordered fault; ``count`` is how many matching calls it still meets."""

    pattern: re.Pattern[str]
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    delay: float = 0.0
    count: int = 1
    drop_connection: bool = False
    after_effect: bool = False
    operation: Json | None = None


def read(order: object) -> Fault:
    """Read a fault as it is posted.

    Raises:
        FaultError: naming the key and what may stand there.
    """
    if not isinstance(order, dict) or not isinstance(order.get("pattern"), str):
        raise FaultError("a fault is an object with a 'pattern' on \"METHOD path\"")
    unknown = sorted(set(order) - set(KNOWN_KEYS))
    if unknown:
        raise FaultError(f"unknown key {unknown[0]!r}; known are {', '.join(KNOWN_KEYS)}")
    status = order.get("status")
    if status is not None and (not isinstance(status, int) or status not in range(200, 600)):
        raise FaultError(f"status {status!r}: an HTTP status from 200 to 599 belongs here")
    for key in ("headers", "operation"):
        if not isinstance(order.get(key, {}), dict):
            raise FaultError(f"{key} {order[key]!r}: an object belongs here")
    for key in ("delay", "count"):
        if not isinstance(order.get(key, 1), int | float):
            raise FaultError(f"{key} {order[key]!r}: a number belongs here")
    try:
        pattern = re.compile(order["pattern"])
    except re.error as exc:
        raise FaultError(f"pattern {order['pattern']!r}: {exc}") from exc
    return Fault(
        pattern=pattern,
        status=status,
        headers={key: str(value) for key, value in order.get("headers", {}).items()},
        body=order.get("body"),
        delay=float(order.get("delay", 0)),
        count=int(order.get("count", 1)),
        drop_connection=bool(order.get("drop_connection", False)),
        after_effect=bool(order.get("after_effect", False)),
        operation=order.get("operation"),
    )


class Faults:
    """The ordered faults; the first that matches a call and is not used up meets it."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Add a fault after those already ordered."""
        self._ordered.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        self._ordered.clear()

    def take(self, call: str) -> Fault | None:
        """Use up one count of the first fault that matches ``METHOD path``."""
        for fault in self._ordered:
            if fault.pattern.search(call):
                fault.count -= 1
                if fault.count <= 0:
                    self._ordered.remove(fault)
                return fault
        return None
