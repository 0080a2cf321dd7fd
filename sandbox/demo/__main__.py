"""Run the demo: bring a sandbox up, play four scenarios, show and write what happened.

Exit status 0 only if every outcome was read back from the world as expected.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox import lifecycle
from sandbox.demo import world
from sandbox.demo.scenarios import SCENARIOS, Result, timed
from sandbox.demo.site import Site
from sandbox.options import ROOT, SandboxError, SandboxOptions
from sandbox.state_folder import Sandbox

RULES = ROOT / "sandbox" / "rules"


def main(argv: list[str] | None = None) -> int:
    """Play the demo once."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("demo-report.json"))
    arguments = parser.parse_args(argv)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="nightshift-demo-") as folder:
        try:
            results = _play(Path(folder), console)
        except SandboxError as error:
            console.print(f"[red]the sandbox did not start:[/red] {error}")
            return 1
    ok = bool(results) and all(result.verified for result in results)
    report = {"ok": ok, "scenarios": [asdict(result) for result in results]}
    arguments.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _show(results, console)
    console.print(f"report: {arguments.report}")
    return 0 if ok else 1


def options(state: Path) -> SandboxOptions:
    """Say what the demo's sandbox is made of."""
    state.mkdir(parents=True, exist_ok=True)
    document = state / "world.json"
    document.write_text(json.dumps(world.build(datetime.now(UTC))), encoding="utf-8")
    return SandboxOptions(
        state=state,
        world=document,
        rules=(RULES,),
        environment={
            "NIGHTSHIFT_SUBSCRIPTIONS": world.SUBSCRIPTION,
            "NIGHTSHIFT_WORKSPACES": world.WORKSPACE,
        },
    )


def _play(folder: Path, console: Console) -> list[Result]:
    state = folder / "sandbox"
    console.print("starting Azurite, the local Azure endpoints and the Functions host ...")
    sandbox = lifecycle.up(options(state))
    try:
        return asyncio.run(_scenarios(sandbox, console))
    finally:
        lifecycle.down(state)


async def _scenarios(sandbox: Sandbox, console: Console) -> list[Result]:
    """Play all scenarios at once, each with a line of its own."""
    columns = (
        SpinnerColumn(finished_text="[green]+[/green]"),
        TextColumn("[bold]{task.description}[/bold]"),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        async with Site(sandbox) as site:

            async def one(number: int) -> Result:
                name, scenario = SCENARIOS[number]
                line = progress.add_task(name, total=1, now="")
                result = await timed(
                    name, scenario, site, lambda text: progress.update(line, now=text)
                )
                said = "as expected" if result.verified else "[red]not as expected[/red]"
                progress.update(line, completed=1, now=f"read back from the world: {said}")
                return result

            return list(await asyncio.gather(*(one(i) for i in range(len(SCENARIOS)))))


def _show(results: list[Result], console: Console) -> None:
    table = Table(title="What the night shift did, read back from the world")
    table.add_column("scenario", max_width=20)
    table.add_column("seen", overflow="fold", ratio=1)
    table.add_column("as expected")
    table.add_column("seconds", justify="right")
    for result in results:
        for number, (name, seen) in enumerate(result.observed.items()):
            is_good = seen == result.expected[name]
            wanted = (
                "" if is_good else f" [red](expected {_words(result.expected[name])})[/red]"
            )
            table.add_row(
                "" if number else result.name,
                f"{name}: [bold]{_words(seen)}[/bold]{wanted}",
                "[green]yes[/green]" if is_good else "[red]no[/red]",
                "" if number else f"{result.seconds:.1f}",
                end_section=number == len(result.observed) - 1,
            )
    console.print(table)


def _words(value: object) -> str:
    """Write a value for people: lists without brackets, true as yes."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(item) for item in value) or "none"
        case dict():
            return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
        case _:
            return str(value)


if __name__ == "__main__":
    sys.exit(main())
