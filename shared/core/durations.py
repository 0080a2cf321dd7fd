"""Durations as people write them in rules: ``20s``, ``10m``, ``1h30m``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: It is not a sum of numbers with the units ms, s, m, h or d.
    """
    clean = text.strip().lower()
    if not _WHOLE.fullmatch(clean):
        raise ValueError(f"{text!r} is not a duration: write for example 20s, 10m, 1h30m, 7d")
    return timedelta(seconds=sum(float(n) * _SECONDS[u] for n, u in _PART.findall(clean)))


def format_duration(span: timedelta) -> str:
    """Write a duration in the same form, largest unit first; whole milliseconds."""
    left = round(span.total_seconds() * 1000)
    if left <= 0:
        return "0s"
    parts: list[str] = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        count, left = divmod(left, size)
        parts.extend([f"{count}{unit}"] if count else [])
    parts.extend([f"{left}ms"] if left else [])
    return "".join(parts)
