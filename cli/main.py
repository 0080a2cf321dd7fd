"""The `nightshift` command: finds the subcommand and runs it.

Each module named in ``COMMANDS`` has ``register(subparsers)``, which adds its
parser and sets ``run``, a function of the parsed arguments that gives the exit
code. The module is the subcommand; what it does is elsewhere.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = (
    "cli.sandbox",
    "cli.rules",
    "cli.pauses",
    "cli.approvals",
    "cli.breakers",
    "cli.replay",
    "cli.explain",
    "cli.archive",
    "cli.doctor",
    "cli.savings",
    "cli.report",
    "cli.smoke",
    "cli.extension",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="nightshift", description="The night shift for AI compute on Azure."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(name).register(subparsers)
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
