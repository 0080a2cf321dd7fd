"""The two stores of questions that must behave alike: the fake one, and Azurite's tables."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_approvals import TableApprovals
from shared.ports import Approvals
from tests.builders import NOW
from tests.fakes.approvals import FakeApprovals
from tests.fakes.ledger import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock at three at night, UTC."""
    return FakeClock(NOW)


@pytest.fixture(params=["fake", "tables"])
def approvals(request: pytest.FixtureRequest, clock: FakeClock) -> Approvals:
    """A store without a question; the real one in a table of its own."""
    if request.param == "fake":
        return FakeApprovals()
    account: Storage = request.getfixturevalue("storage")
    return TableApprovals(account, clock, f"T{uuid.uuid4().hex[:16]}")
