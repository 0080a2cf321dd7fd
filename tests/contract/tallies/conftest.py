"""The two stores of tallies that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_tallies import TableTallies
from shared.core.settings import Settings
from shared.ports.oversight import Tallies
from tests.fakes.tallies import FakeTallies


def no_identity():
    """Fail: a connection string needs no identity."""
    raise AssertionError("the identity was asked for")


@pytest.fixture
async def storage(azurite: str) -> AsyncIterator[Storage]:
    """The emulator's account."""
    account = Storage(Settings(storage=azurite), no_identity)
    yield account
    await account.close()


@pytest.fixture(params=["fake", "tables"])
def tallies(request: pytest.FixtureRequest) -> Tallies:
    """A store that counted nothing; the real one in a table of its own."""
    if request.param == "fake":
        return FakeTallies()
    account: Storage = request.getfixturevalue("storage")
    return TableTallies(account, f"T{uuid.uuid4().hex[:16]}")
