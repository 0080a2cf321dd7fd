"""Starts the real server as a subprocess, once, and points the real SDK clients at it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin, started


@pytest.fixture(scope="session")
def one_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One stand-in for all tests of this folder."""
    with started(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture
def azure_standin(one_standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Standin:
    """The stand-in; the environment tells clients of it for the length of one test."""
    for name, value in one_standin.environment.items():
        monkeypatch.setenv(name, value)
    return one_standin


@pytest.fixture
async def credential(transport: dict[str, Any]) -> AsyncIterator[Any]:
    """The real managed identity credential, against the stand-in's identity endpoint."""
    from azure.identity.aio import ManagedIdentityCredential

    async with ManagedIdentityCredential(**transport) as found:
        yield found


@pytest.fixture
def transport(azure_standin: Standin) -> dict[str, Any]:
    """What a client built in a test process needs beside its endpoint: whom to trust.

    Deployed code sets ``SSL_CERT_FILE`` before aiohttp is imported; a test process has
    imported it long before, so the tests name the file.
    """
    return {"connection_verify": azure_standin.ca_file}
