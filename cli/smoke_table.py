"""What became of the smoke tests, for people."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor_table import STYLE, WIDE, WORD
from cli.smoke import Result
from shared.core.findings import Verdict


def show(url: str, results: Sequence[Result]) -> None:
    """Print a line an inlet with the times of its hops, then what to do."""
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(Text(f"smoke tests of {url}", style="bold"))
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("inlet", no_wrap=True)
    for heading in ("accepted", "recorded", "seen"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("by")
    table.add_column("")
    for one in results:
        word = Text(WORD.get(one.verdict, one.verdict.value), style=STYLE[one.verdict])
        times = (_s(one.accepted_s), _s(one.recorded_s), _s(one.seen_s))
        table.add_row(word, one.inlet, *times, one.hops, Text(one.said))
    console.print(table)
    for one in results:
        if one.advice:
            console.print()
            console.print(Text(f"{one.inlet}  {one.event_id}", style=STYLE[one.verdict]))
            console.print(Text(f"  {one.said}"), soft_wrap=True)
            console.print(Text(f"  -> {one.advice}"), soft_wrap=True)
    counted = Counter(one.verdict for one in results)
    words = (
        (Verdict.OK, "answered"),
        (Verdict.FAILED, "failed"),
        (Verdict.UNKNOWN, "could not be tried"),
    )
    console.print()
    parts = [f"{counted[verdict]} {word}" for verdict, word in words if counted[verdict]]
    console.print(Text(f"{', '.join(parts)}; nothing was touched", style="bold"))


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
