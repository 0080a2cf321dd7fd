"""Finds kubectl and starts stand-ins for the tests beside this file."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.kubernetes_standin.running import Manifest, Standin, running


@pytest.fixture
def start(kubectl_path: str, tmp_path: Path) -> Iterator[Callable[[list[Manifest]], Standin]]:
    """Give a function that starts a stand-in over the objects it is given."""
    with ExitStack() as stack:

        def begin(objects: list[Manifest]) -> Standin:
            file = tmp_path / "objects.json"
            file.write_text(json.dumps(objects))
            return stack.enter_context(running(file, kubectl_path, tmp_path))

        yield begin
