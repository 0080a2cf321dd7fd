"""The two stores of pauses that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_controls import TableControls
from shared.core.settings import Settings
from shared.ports import Controls
from tests.fakes.controls import FakeControls


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
def controls(request: pytest.FixtureRequest) -> Controls:
    """A store without a pause; the real one in a table of its own."""
    if request.param == "fake":
        return FakeControls()
    account: Storage = request.getfixturevalue("storage")
    return TableControls(account, f"T{uuid.uuid4().hex[:16]}")
