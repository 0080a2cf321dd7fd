"""What several contract suites need: the real kubectl."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
