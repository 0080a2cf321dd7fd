"""The two outboxes that must behave alike: the fake one, and a table on Azurite."""

from __future__ import annotations

import uuid

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_notices import TableNotices
from shared.core.terms import Channel
from shared.ports import Notices
from tests.fakes.notices import FakeNotices

CONFIGURED = (Channel.TEAMS, Channel.SLACK)


@pytest.fixture(params=["fake", "tables"])
def notices(request: pytest.FixtureRequest) -> Notices:
    """An outbox in which nothing waits; the real one in a table of its own."""
    if request.param == "fake":
        return FakeNotices(channels=CONFIGURED)
    account: Storage = request.getfixturevalue("storage")
    return TableNotices(account, CONFIGURED, f"T{uuid.uuid4().hex[:16]}")
