"""The two stores of waves that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_waves import TableWaves
from shared.ports import Waves
from tests.fakes.waves import FakeWaves


@pytest.fixture(params=["fake", "tables"])
def waves(request: pytest.FixtureRequest) -> Waves:
    """A store that knows no wave; the real one in a table of its own."""
    if request.param == "fake":
        return FakeWaves()
    account: Storage = request.getfixturevalue("storage")
    return TableWaves(account, f"W{uuid.uuid4().hex[:16]}")
