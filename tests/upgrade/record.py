"""Record the ledger of a night in mid-storm: ``make record-ledger``, once for each release.

Takes three minutes. The file is named after the release; one that is there is not
replaced, for what a release wrote does not change any more.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import tomllib
from pathlib import Path

from sandbox import lifecycle
from sandbox.demo.site import Site
from sandbox.options import ROOT
from tests.upgrade import recording, storm

RECORDED = Path(__file__).parent / "recorded"
QUIET_S = 80.0
"""Longer than the lease, and than any Hold of the night."""


def target() -> Path:
    """Name the file of this release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return RECORDED / f"{project['project']['version']}.json"


async def record(state: Path) -> recording.Json:
    """Play the night and write it down."""
    world = state / "world.json"
    world.write_text(json.dumps(storm.build()), encoding="utf-8")
    sandbox = await asyncio.to_thread(lifecycle.up, storm.options(state, world))
    try:
        async with Site(sandbox) as site:
            at = await storm.play(storm.Night(sandbox, site))
            seen = await site.world()
            storage = sandbox.storage_connection_string
            return await recording.dump(storage, seen, at=at, quiet_s=QUIET_S)
    finally:
        await asyncio.to_thread(lifecycle.down, state)


def main() -> int:
    """Record, unless this release is recorded."""
    file = target()
    if file.exists():
        sys.stderr.write(f"{file.name} is recorded: give the release another version first\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="nightshift-record-") as folder:
        found = asyncio.run(record(Path(folder)))
    RECORDED.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    counts = {name: len(rows) for name, rows in found["tables"].items()}
    sys.stdout.write(f"{file}: {counts}, {len(found['messages'])} messages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
