"""A sandbox of a test module's own: its rules, its world, its environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import lifecycle
from sandbox.demo.site import Json
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox


@contextmanager
def a_sandbox(folder: Path, rules: str, world: Json, **environment: str) -> Iterator[Sandbox]:
    """Bring up a sandbox in an empty folder, and down again whatever happened.

    Args:
        rules: One YAML file of rules; no others are in force.
        world: What the stand-in for Azure begins with.
    """
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(rules)
    (folder / "world.json").write_text(json.dumps(world))
    options = SandboxOptions(
        state=folder / "sandbox",
        world=folder / "world.json",
        rules=(folder / "rules",),
        environment=environment,
    )
    try:
        yield lifecycle.up(options)
    finally:
        lifecycle.down(options.state)
