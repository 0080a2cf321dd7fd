"""What doctor found, for people: a line a finding, then what to do about what is wrong."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.over_http import Json
from shared.core.findings import Finding, Verdict

WIDE = 120
SHOWN = 12
STYLE = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.OFF: "dim",
    Verdict.FAILED: "bold red",
    Verdict.UNKNOWN: "bold yellow",
}
WORD = {Verdict.UNKNOWN: "UNKNOWN", Verdict.FAILED: "FAILED"}
_SUM = (
    (Verdict.FAILED, "failed"),
    (Verdict.UNKNOWN, "could not be seen"),
    (Verdict.NOTE, "worth a look"),
    (Verdict.OFF, "not in use"),
    (Verdict.OK, "in order"),
)


def show(url: str, about: Json, findings: Sequence[Finding]) -> None:
    """Print the report."""
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    version = f" {about['version']}" if about.get("version") else ""
    console.print(Text(f"nightshift{version} at {url}", style="bold"))
    if about.get("app_id"):
        console.print(Text(str(about["app_id"]), style="dim"), soft_wrap=True)
    console.print()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in _joined(findings):
        style = STYLE[one.verdict]
        word = Text(WORD.get(one.verdict, one.verdict.value), style=style)
        table.add_row(word, one.check, Text(one.said))
    console.print(table)
    for one in findings:
        if one.verdict in {Verdict.FAILED, Verdict.UNKNOWN, Verdict.NOTE}:
            _explain(console, one)
    console.print()
    counted = Counter(one.verdict for one in findings)
    parts = [f"{counted[verdict]} {word}" for verdict, word in _SUM if counted[verdict]]
    console.print(Text(", ".join(parts), style="bold"))


def _joined(findings: Sequence[Finding]) -> list[Finding]:
    """Put what is in order of one check into one line; everything else has its own."""
    shown: list[Finding] = []
    for one in findings:
        last = shown[-1] if shown else None
        is_good = one.verdict is Verdict.OK
        if last and is_good and (last.check, last.verdict) == (one.check, one.verdict):
            shown[-1] = replace(last, said=f"{last.said}; {one.said}")
        else:
            shown.append(one)
    return shown


def _explain(console: Console, one: Finding) -> None:
    """Print one finding in full; commands are not broken into lines, so they can be copied."""
    console.print()
    where = f"  {one.about}" if one.about else ""
    console.print(Text(f"{one.check}{where}", style=STYLE[one.verdict]), soft_wrap=True)
    console.print(Text(f"  {one.said}"), soft_wrap=True)
    for item in one.items[:SHOWN]:
        console.print(Text(f"    {item}"), soft_wrap=True)
    if len(one.items) > SHOWN:
        console.print(Text(f"    and {len(one.items) - SHOWN} more (--json shows all)"))
    if one.advice:
        console.print(Text(f"  -> {one.advice}"), soft_wrap=True)
