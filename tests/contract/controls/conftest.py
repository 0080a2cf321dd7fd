"""The two stores of pauses that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_controls import TableControls
from shared.ports import Controls
from tests.fakes.controls import FakeControls


@pytest.fixture(params=["fake", "tables"])
def controls(request: pytest.FixtureRequest) -> Controls:
    """A store without a pause; the real one in a table of its own."""
    if request.param == "fake":
        return FakeControls()
    account: Storage = request.getfixturevalue("storage")
    return TableControls(account, f"T{uuid.uuid4().hex[:16]}")
