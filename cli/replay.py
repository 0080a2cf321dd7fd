"""``nightshift replay``: what these rules would have done on recorded events.

Prints; what it prints is found by ``cli.replaying``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.replay_report import Tally
    from cli.replaying import Replay
    from shared.rules.book import RuleBook

BAD_INPUT = 2


def register(subparsers: Any) -> None:
    """Add ``replay`` to the command line."""
    parser = subparsers.add_parser(
        "replay", help="what rules would have done on recorded events"
    )
    parser.add_argument("events", metavar="EVENTS.jsonl", help="a recording; - for stdin")
    parser.add_argument(
        "--rules",
        nargs="+",
        action="extend",
        type=Path,
        required=True,
        metavar="DIR",
        help="rule folders, a later one wins by rule name",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        action="extend",
        type=Path,
        metavar="DIR",
        help="rule folders to compare with",
    )
    parser.add_argument("--json", metavar="FILE", help="write every decision; - for stdout")
    parser.add_argument(
        "--plan-takes",
        default="0s",
        metavar="DURATION",
        help="how long a plan keeps its target taken, for example 5m (default: 0s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay; 0, or 2 if rules or recording cannot be read."""
    from cli.rehearsal import Rehearsal
    from cli.replay_report import JsonReport
    from cli.replaying import Replay, load
    from shared.core.durations import parse_duration
    from shared.rules.problems import RulesRefused

    try:
        takes = parse_duration(arguments.plan_takes)
        rules, against = load(arguments.rules), None
        if arguments.against:
            against = Rehearsal(load(arguments.against), plan_takes=takes)
        with _opened(arguments.events) as lines, _written(arguments.json) as out:
            replay = Replay(Rehearsal(rules, plan_takes=takes), against, JsonReport(out))
            replay.run(lines)
    except (OSError, ValueError, RulesRefused) as error:
        print(f"nightshift replay: {error}", file=sys.stderr)
        return BAD_INPUT
    _tell_bad(replay.tally)
    if arguments.json != "-":
        _show(replay, rules)
    return 0


@contextlib.contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


@contextlib.contextmanager
def _written(name: str | None) -> Iterator[IO[str] | None]:
    if name is None:
        yield None
    elif name == "-":
        yield sys.stdout
    else:
        with Path(name).open("w", encoding="utf-8", newline="\n") as file:
            yield file


def _tell_bad(tally: Tally) -> None:
    for bad in tally.bad_lines:
        print(f"line {bad['line']}: {bad['why']}", file=sys.stderr)
    more = tally.bad - len(tally.bad_lines)
    if more:
        print(f"and {more} more lines that could not be read", file=sys.stderr)


def _show(replay: Replay, rules: RuleBook) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    tally = replay.tally
    console = Console(width=None if sys.stdout.isatty() else 170)
    title = f"{tally.lines} lines, {tally.signals} signals"
    table = Table(title=title)
    for heading in ("rule", "mode", "acted", "would have", "held", "skipped"):
        table.add_column(heading, overflow="fold")
    modes = {rule.name: str(rule.mode) for rule in rules.rules}
    shown = [*modes, *sorted(tally.rules.keys() - modes.keys())]
    for name in shown:
        one = tally.rules.get(name)
        if one is None:
            table.add_row(Text(name), Text(modes[name]), "0", "0", "", "")
            continue
        held, skipped = (_reasons(counts) for counts in (one.held, one.skipped))
        cells = (name or "(no rule)", modes.get(name, ""), str(one.acted), str(one.would))
        table.add_row(*(Text(cell) for cell in (*cells, held, skipped)))
    console.print(table)
    for words, count in (
        ("could not be read as a line", tally.bad),
        ("were no event and would be quarantined", tally.quarantined),
        ("came before the line above them", tally.out_of_order),
    ):
        if count:
            console.print(f"{count} {words}")
    if replay.against is not None:
        _show_differences(replay, console)


def _reasons(counts: dict[str, int]) -> str:
    return "\n".join(f"{reason} {count}" for reason, count in sorted(counts.items()))


def _show_differences(replay: Replay, console: Any) -> None:
    console.print(f"{replay.tally.differences} signals are answered differently")
    for one in replay.differences:
        before, after = (_words(one[side]) for side in ("against", "rules"))
        where = f"line {one['line']} {one['type']} {one['event_id']} {one['target']}"
        console.print(f"  {where}\n    against: {before}\n    rules:   {after}", markup=False)
    more = replay.tally.differences - len(replay.differences)
    if more:
        console.print(f"  and {more} more: --json FILE has them all")


def _words(outcome: dict[str, Any]) -> str:
    verbs = ", ".join(step["verb"] for step in outcome["steps"])
    said = " ".join(part for part in (outcome["kind"], outcome["reason"]) if part)
    return f"{said} ({outcome['rule'] or 'no rule'}){f': {verbs}' if verbs else ''}"
