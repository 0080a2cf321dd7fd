"""The two stores of tallies that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_tallies import TableTallies
from shared.ports.oversight import Tallies
from tests.fakes.tallies import FakeTallies


@pytest.fixture(params=["fake", "tables"])
def tallies(request: pytest.FixtureRequest) -> Tallies:
    """A store that counted nothing; the real one in a table of its own."""
    if request.param == "fake":
        return FakeTallies()
    account: Storage = request.getfixturevalue("storage")
    return TableTallies(account, f"T{uuid.uuid4().hex[:16]}")
