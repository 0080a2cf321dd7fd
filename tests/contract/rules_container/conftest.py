"""The two containers that must behave alike: the fake one, and one on Azurite."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from azure.storage.blob.aio import ContainerClient

from shared.adapters.blob_rules import BlobRules
from shared.ports.rule_source import RuleSource
from tests.emulated import emulated_storage
from tests.fakes.rule_source import FakeRules

MOST = 4


@dataclass
class Folder:
    """A container as a person sees it, and as the app does."""

    source: RuleSource
    fake: FakeRules | None = None
    real: ContainerClient | None = None

    async def upload(self, name: str, body: bytes) -> None:
        """Put a file there."""
        if self.fake is not None:
            self.fake.upload(name, body)
        if self.real is not None:
            await self.real.upload_blob(name, body, overwrite=True)

    async def delete(self, name: str) -> None:
        """Take a file away."""
        if self.fake is not None:
            self.fake.delete(name)
        if self.real is not None:
            await self.real.delete_blob(name)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:16]}"


@pytest.fixture(params=["fake", "blobs"])
async def folder(request: pytest.FixtureRequest, azurite: str, name: str):
    """An empty container."""
    if request.param == "fake":
        fake = FakeRules(name, most=MOST)
        yield Folder(fake, fake=fake)
        return
    account = emulated_storage(azurite)
    real = await account.blobs.create_container(name)
    source = BlobRules(account, name, prefix=name, most=MOST)
    yield Folder(source, real=real)
    await account.close()


@pytest.fixture(params=["fake", "blobs"])
async def nowhere(request: pytest.FixtureRequest, azurite: str, name: str):
    """A container that nobody made."""
    if request.param == "fake":
        yield FakeRules(name, exists=False)
        return
    account = emulated_storage(azurite)
    yield BlobRules(account, name, prefix=name)
    await account.close()
