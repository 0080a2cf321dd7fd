"""``nightshift rules``: check rule folders, and write the schema that editors use.

Reads files and prints; what is right or wrong is decided in ``shared.rules``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).parents[1] / "rules" / "schema.json"
WIDE = 170
SUFFIXES = frozenset({".yaml", ".yml"})


def register(subparsers: Any) -> None:
    """Add ``rules check`` and ``rules schema`` to the command line."""
    parser = subparsers.add_parser("rules", help="check rule files, write their schema")
    commands = parser.add_subparsers(dest="rules_command", required=True)
    check = commands.add_parser(
        "check", help="load rule folders, run their tests; exit 1 on any problem"
    )
    check.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="a folder of *.yaml, or one file; a later one wins by rule name",
    )
    check.set_defaults(run=run_check)
    schema = commands.add_parser("schema", help="print the JSON Schema of rule files")
    schema.add_argument(
        "--write", action="store_true", help=f"write it to {SCHEMA_FILE.name} instead"
    )
    schema.set_defaults(run=run_schema)


def read_layer(folder: Path) -> dict[str, str]:
    """Read the rule files directly in a folder, in name order, or one rule file.

    Raises:
        FileNotFoundError: It is neither, or has no rule file.
    """
    if folder.is_file() and folder.suffix in SUFFIXES:
        files = [folder]
    elif folder.is_dir():
        files = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    else:
        raise FileNotFoundError(f"{folder} is not a folder: name one that holds *.yaml files")
    if not files:
        raise FileNotFoundError(f"{folder} holds no *.yaml file: name a folder with rules")
    # Bytes that are no UTF-8 become characters that loading refuses with their place.
    return {str(path): path.read_text("utf-8", "surrogateescape") for path in files}


def run_check(arguments: argparse.Namespace) -> int:
    """Load the folders as layers and run the rules' tests; print what is wrong, or all."""
    from shared.remediations import discover
    from shared.rules.loading import load_rules
    from shared.rules.problems import RulesRefused

    try:
        layers: Sequence[Mapping[str, str]] = [read_layer(f) for f in arguments.folders]
        book = load_rules(layers, discover())
    except (OSError, RulesRefused) as error:
        print(error, file=sys.stderr)
        count = len(error.problems) if isinstance(error, RulesRefused) else 1
        print(_count(count, "problem"), file=sys.stderr)
        return 1
    from cli.rules_tests import run_tests

    count, failures = run_tests(book)
    _show(book.rules)
    for failure in failures:
        print(failure, file=sys.stderr)
    print(_summary(len(book.rules), count, len(failures)))
    return 1 if failures else 0


def _summary(rules: int, tests: int, failed: int) -> str:
    """Count rules and tests in one line."""
    said = f"{_count(rules, 'rule')}, {_count(tests - failed, 'test')} passed"
    return f"{said}, {failed} failed" if failed else said


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show(rules: Sequence[Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from shared.core.durations import format_duration

    table = Table(title=_count(len(rules), "rule"))
    for heading in ("rule", "on", "when", "remediate", "mode", "cooldown", "hash", "source"):
        table.add_column(heading, overflow="fold")
    for rule in rules:
        signals = "\n".join(sorted(rule.on))
        cooldown = format_duration(rule.cooldown)
        ladder = "\n".join(rung.remediation.name for rung in rule.rungs)
        names = (rule.name, signals, rule.condition.text, ladder)
        cells = (*names, str(rule.mode), cooldown, rule.hash, rule.source)
        table.add_row(*(Text(cell) for cell in cells))
    # Not at a terminal there is no width to fit: keep one rule to a line where possible.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def schema_text() -> str:
    """Write the schema as the repository keeps it."""
    from shared.remediations import discover
    from shared.rules.schema import rules_schema

    return json.dumps(rules_schema(discover()), indent=2, ensure_ascii=False) + "\n"


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the schema, or write it to the repository's file."""
    if arguments.write:
        SCHEMA_FILE.write_text(schema_text(), "utf-8")
        print(f"wrote {SCHEMA_FILE}")
    else:
        print(schema_text(), end="")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Write or print the schema: ``python -m cli.rules --write-schema``."""
    parser = argparse.ArgumentParser(prog="python -m cli.rules", description=__doc__)
    parser.add_argument("--write-schema", dest="write", action="store_true")
    return run_schema(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
