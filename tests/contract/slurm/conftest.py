"""The two Slurms that one suite runs on."""

from collections.abc import AsyncIterator

import pytest

from tests.slurm_labs import slurm_lab
from tests.slurm_site import FakeSite, RealSite

__all__ = ["slurm_lab"]


@pytest.fixture
async def real(slurm_lab) -> AsyncIterator[RealSite]:
    """Give the real one, with nothing left of the last test."""
    site = RealSite(slurm_lab)
    site.reset()
    yield site
    await site.slurm.close()


@pytest.fixture(params=["fake", "real"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[FakeSite | RealSite]:
    """Give each of the two."""
    if request.param == "fake":
        yield FakeSite()
        return
    site = RealSite(request.getfixturevalue("slurm_lab"))
    site.reset()
    yield site
    await site.slurm.close()
