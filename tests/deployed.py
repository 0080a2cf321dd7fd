"""A deployed Nightshift in a sandbox, and the command line that looks at it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sandbox import deployment, lifecycle
from sandbox.demo.site import Site
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
Json = dict[str, Any]


@contextmanager
def a_deployment(
    state: Path, rules: tuple[Path, ...] = (), **environment: str
) -> Iterator[Sandbox]:
    """Bring a sandbox up with a deployment around its app."""
    known = {**deployment.settings(), **environment}
    options = SandboxOptions(state=state, rules=rules, environment=known)
    sandbox = lifecycle.up(options)
    try:
        on_site(sandbox, deployment.deploy)
        yield sandbox
    finally:
        lifecycle.down(state)


def on_site(sandbox: Sandbox, work: Callable[[Site], Awaitable[T]]) -> T:
    """Do something at the sandbox over HTTP."""

    async def done() -> T:
        async with Site(sandbox) as site:
            return await work(site)

    return asyncio.run(done())


def change(sandbox: Sandbox, *changes: Callable[[list[Json]], None]) -> None:
    """Change the resources of the sandbox's Azure."""

    async def work(site: Site) -> None:
        document = await site.world()
        for one in changes:
            one(document["resources"])
        await site.azure("PUT", "/_world", document)

    on_site(sandbox, work)


def command(sandbox: Sandbox, name: str, *more: str) -> tuple[int, str, str]:
    """Run doctor or smoke as a person does; returns its exit status and what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        **deployment.sign_in(sandbox),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", name, *deployment.options(sandbox), *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def report(sandbox: Sandbox, name: str, *more: str) -> tuple[int, Json]:
    """Run it for a program."""
    code, said, wrong = command(sandbox, name, "--json", *more)
    assert said, wrong
    document: Json = json.loads(said)
    assert code == document["exit"]
    return code, document
