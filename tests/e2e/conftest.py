"""One sandbox for the whole layer: Azurite, the Azure stand-in and the Functions host."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from sandbox import lifecycle
from sandbox.demo import world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, until
from sandbox.state_folder import Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring the demo's sandbox up once."""
    state = tmp_path_factory.mktemp("sandbox")
    yield lifecycle.up(options(state))
    lifecycle.down(state)


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """The sandbox as a person sees it, its world as new; the ledger stays."""
    async with Site(sandbox) as open_site:
        await open_site.azure("DELETE", "/_faults")

        async def quiet() -> bool:
            _, page = await open_site.call("GET", "/api/plans?state=open")
            return not page["plans"]

        # What another test began must not go on in this test's world.
        assert await until(quiet)
        await open_site.azure("PUT", "/_world", world.build(datetime.now(UTC)))
        yield open_site
