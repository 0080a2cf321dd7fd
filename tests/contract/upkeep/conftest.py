"""The stores that must behave alike: the fakes, and the tables on Azurite."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.storage import Storage
from shared.adapters.table_upkeep import TableForwarders, TableTickets
from shared.ports.upkeep import Forwarders, Tickets
from tests.fakes.upkeep import FakeForwarders, FakeTickets


@pytest.fixture(params=["fake", "tables"])
def forwarders(request: pytest.FixtureRequest) -> Forwarders:
    """An empty roll; the real one in a table of its own."""
    if request.param == "fake":
        return FakeForwarders()
    account: Storage = request.getfixturevalue("storage")
    return TableForwarders(account, f"F{uuid.uuid4().hex[:16]}")


@pytest.fixture(params=["fake", "tables"])
def tickets(request: pytest.FixtureRequest) -> Tickets:
    """No tickets given out."""
    if request.param == "fake":
        return FakeTickets()
    account: Storage = request.getfixturevalue("storage")
    return TableTickets(account, SystemClock(), f"K{uuid.uuid4().hex[:16]}")
