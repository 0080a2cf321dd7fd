"""Starts the real server as a subprocess, once, and points the real SDK clients at it."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin, started


@pytest.fixture(scope="session")
def azure_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One stand-in for all tests of this folder; the environment tells clients of it."""
    with started(tmp_path_factory.mktemp("azure")) as running:
        told = {
            "SSL_CERT_FILE": running.ca_file,
            "REQUESTS_CA_BUNDLE": running.ca_file,
            "IDENTITY_ENDPOINT": running.identity_endpoint,
            "IDENTITY_HEADER": running.identity_header,
        }
        saved = {name: os.environ.get(name) for name in told}
        os.environ.update(told)
        yield running
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
