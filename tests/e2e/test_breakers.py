"""An open breaker is listed, and reset by one command, over HTTP and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.main import main
from sandbox.demo import world
from sandbox.demo.site import Site
from shared.adapters.storage import Storage
from shared.adapters.table_tallies import TableTallies
from shared.core.settings import Settings
from shared.core.tallies import Entry, Tally, event_token, fold

KEY = "breaker|rule|move-off-degraded-hardware"


@pytest.fixture
async def tripped(site: Site) -> AsyncIterator[Site]:
    """Leave a breaker open, as a storm of one machine did whose event nobody kept."""
    now = datetime.now(UTC)
    storage = Storage(
        Settings(storage=site.sandbox.storage_connection_string),
        lambda: pytest.fail("no identity is needed"),
    )
    failed = Entry(
        event_token("storm-1", world.DEGRADED_VM),
        fold(world.DEGRADED_VM),
        now - timedelta(minutes=5),
        event="storm-1",
    )
    tallies = TableTallies(storage)
    was = (await tallies.read([KEY]))[KEY]
    await tallies.save(Tally(KEY, (failed,), now, threshold=1, etag=was.etag))
    yield site
    await storage.close()


def ran(site: Site, *words: str) -> int:
    """Run a command against the sandbox's app."""
    app = ("--url", site.sandbox.functions_url, "--key", site.sandbox.function_key)
    return main([*words, *app])


async def test_a_breaker_is_looked_at_again_and_closed(
    tripped: Site, capsys: pytest.CaptureFixture[str]
):
    """What failed is over, so nothing keeps it open; the dry run says so and does nothing."""
    assert await asyncio.to_thread(ran, tripped, "breakers") == 0
    assert f"{KEY}  open since" in capsys.readouterr().out

    assert await asyncio.to_thread(ran, tripped, "reset-breaker", KEY, "--dry-run") == 0
    assert "would be closed" in capsys.readouterr().out
    status, listed = await tripped.call("GET", "/api/breakers")
    assert (status, [one["breaker"] for one in listed["breakers"]]) == (200, [KEY])

    assert await asyncio.to_thread(ran, tripped, "reset-breaker", KEY) == 0
    out = capsys.readouterr().out
    assert f"over: {fold(world.DEGRADED_VM)}" in out
    assert f"{KEY} is closed" in out
    assert await asyncio.to_thread(ran, tripped, "breakers") == 0
    assert "no breaker is open" in capsys.readouterr().out


async def test_a_reset_is_recorded_with_who_asked(tripped: Site):
    """Like everything that people do."""
    body = {"breaker": KEY, "owner": "ada"}
    status, found = await tripped.call(
        "POST", "/api/breakers/reset", body, **{"Idempotency-Key": "reset-by-ada"}
    )
    assert (status, found["state"]) == (200, "closed")
    told = await tripped.event("reset-reset-by-ada")
    assert told is not None
    [record] = told["records"]
    assert record["decisions"][0]["reason"] == "breaker_closed"
    assert "ada (self-declared)" in record["decisions"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"breaker": "breaker|rule|nothing", "owner": "ada"}, "open breakers: none is open"),
        ({"breaker": "", "owner": "ada"}, "$.breaker"),
        ({"breaker": KEY}, "$.owner"),
        ({"breaker": KEY, "owner": "ada", "force": True}, "$.force"),
    ],
)
async def test_a_reset_that_cannot_be_meant_is_422_and_says_why(site: Site, body, words):
    """And nothing is closed by it."""
    status, said = await site.call("POST", "/api/breakers/reset", body)
    assert (status, words in said["detail"]) == (422, True), said


async def test_breakers_want_a_key(site: Site):
    """A stranger closes nothing."""
    for method, path in (("GET", "/api/breakers"), ("POST", "/api/breakers/reset")):
        assert (await site.call(method, path, {}, key="wrong"))[0] == 401
