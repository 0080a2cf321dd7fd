"""Medians, percentiles, the table and the machine's own description."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least value that a share of all do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column to the left, figures to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    shown = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    shown.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(shown)


def histogram(values: Sequence[float], *, step: float, width: int = 40) -> str:
    """Draw how many values fall into each step, the greatest step first."""
    counts: dict[int, int] = {}
    for value in values:
        at = math.floor(value / step)
        counts[at] = counts.get(at, 0) + 1
    most = max(counts.values(), default=1)
    return "\n".join(
        f"{at * step:6.1f} to {(at + 1) * step:5.1f} {count:6d} "
        f"{'#' * math.ceil(width * count / most)}"
        for at, count in sorted(counts.items(), reverse=True)
    )


def machine() -> str:
    """Say what the figures were measured on, and how busy it was."""
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}, load {load}"
    )
