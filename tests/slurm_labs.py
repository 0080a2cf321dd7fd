"""Fixtures of a real Slurm: made once for a machine, up once for a session that needs it.

It fails where it cannot be had; it is never skipped. Two sessions at once have two labs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox.slurm import image
from sandbox.slurm.lab import Lab, up


@pytest.fixture(scope="session")
def slurm_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a Slurm of this session's own: a controller, three nodes, REST with JWT."""
    root = image.prepare(image.cache_folder(os.environ))
    lab = up(root, tmp_path_factory.mktemp("slurm"))
    yield lab
    lab.down()
