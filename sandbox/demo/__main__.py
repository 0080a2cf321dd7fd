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
                    scenario, site, lambda text: progress.update(line, now=text)
                )
                said = "as expected" if result.verified else "[red]not as expected[/red]"
                progress.update(line, completed=1, now=f"read back from the world: {said}")
                return result

            return list(await asyncio.gather(*(one(i) for i in range(len(SCENARIOS)))))


def _show(results: list[Result], console: Console) -> None:
    table = Table(title="What the night shift did", show_lines=True)
    for heading in ("scenario", "plans", "read back from the world", "verified", "seconds"):
        table.add_column(heading, overflow="fold")
    for result in results:
        lines = [
            f"{name}: {seen}"
            + (
                ""
                if seen == result.expected[name]
                else f" [red](not {result.expected[name]})[/]"
            )
            for name, seen in result.observed.items()
        ]
        table.add_row(
            result.name,
            "\n".join(result.plan),
            "\n".join(lines),
            "[green]yes[/green]" if result.verified else "[red]no[/red]",
            f"{result.seconds:.1f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
