"""What several contract suites need: the emulator's account, and the real kubectl."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.storage import Storage
from tests.emulated import emulated_storage

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


@pytest.fixture
async def storage(azurite: str) -> AsyncIterator[Storage]:
    """The emulator's account, which another test of this session may have used."""
    account = emulated_storage(azurite)
    yield account
    await account.close()
