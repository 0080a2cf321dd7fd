"""Starts the real server as a subprocess, once, and points the real SDK clients at it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")


@pytest.fixture(scope="session")
def azure_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One stand-in for all tests of this folder, on a free port, ended with SIGTERM."""
    state = tmp_path_factory.mktemp("azure")
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.azure", "--port", "0", "--state", str(state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    saved = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(
        SSL_CERT_FILE=ready["ca_file"],
        REQUESTS_CA_BUNDLE=ready["ca_file"],
        IDENTITY_ENDPOINT=ready["identity_endpoint"],
        IDENTITY_HEADER=ready["identity_header"],
    )
    yield Standin(
        url=ready["azure_url"],
        ca_file=ready["ca_file"],
        identity_endpoint=ready["identity_endpoint"],
        identity_header=ready["identity_header"],
        kubeconfig=ready["kubeconfig"],
        process=process,
    )
    for name, value in saved.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    process.terminate()
    assert process.wait(timeout=10) == 0
    process.stdout.close()


@pytest.fixture
async def credential(azure_standin: Standin) -> AsyncIterator[Any]:
    """The real managed identity credential, against the stand-in's identity endpoint."""
    from azure.identity.aio import ManagedIdentityCredential

    async with ManagedIdentityCredential() as found:
        yield found


@pytest.fixture
def transport(azure_standin: Standin) -> dict[str, Any]:
    """What a client built in a test process needs beside its endpoint: whom to trust.

    Deployed code sets ``SSL_CERT_FILE`` before aiohttp is imported; a test process has
    imported it long before, so the tests name the file.
    """
    return {"connection_verify": azure_standin.ca_file}
