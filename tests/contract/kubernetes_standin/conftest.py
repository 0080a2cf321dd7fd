"""Finds kubectl and starts stand-ins for the tests beside this file."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.kubernetes_standin.running import ROOT, Manifest, Standin, running


@pytest.fixture(scope="session")
def kubectl_path() -> str:
    """Find kubectl >= 1.30; without one CI fails and a laptop skips, saying why."""
    command = [sys.executable, str(ROOT / "scripts/kubectl.py")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode and os.environ.get("CI"):
        pytest.fail(found.stderr)
    if found.returncode:
        pytest.skip(found.stderr)
    return found.stdout.strip()


@pytest.fixture
def start(kubectl_path: str, tmp_path: Path) -> Iterator[Callable[[list[Manifest]], Standin]]:
    """Give a function that starts a stand-in over the objects it is given."""
    with ExitStack() as stack:

        def begin(objects: list[Manifest]) -> Standin:
            file = tmp_path / "objects.json"
            file.write_text(json.dumps(objects))
            return stack.enter_context(running(file, kubectl_path, tmp_path))

        yield begin
