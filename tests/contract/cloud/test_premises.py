"""The app's surroundings, with the real clients: the stand-in's rights, Azurite's storage."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from shared.adapters.arm import ArmReader
from shared.adapters.credentials import credential
from shared.adapters.premises import EVENTS_QUEUE, AppPremises
from shared.adapters.storage import Storage
from shared.core.errors import Forbidden, RetryLater
from shared.core.grants import Grant
from shared.core.settings import Settings
from shared.ports.upkeep import Contents, Identity
from tests.contract.azure_standin.running import Standin

SCOPE = "/subscriptions/5f0ac1d2-0000-4000-8000-0000000000de"
GROUP = f"{SCOPE}/resourceGroups/g"
KIND = "providers/Microsoft.Authorization"


@pytest.fixture
async def premises(local_azure: Standin, storage: Storage) -> AsyncIterator[AppPremises]:
    """The real adapter."""
    settings = Settings(resource_manager=local_azure.url)
    async with credential(settings) as identity:
        arm = ArmReader(identity, settings)
        yield AppPremises(identity, arm, storage, settings)
        await arm.close()


def a_role(number: int, scope: str, **permission: list[str]) -> list[dict[str, Any]]:
    """Assign one role at a scope."""
    role = f"{SCOPE}/{KIND}/roleDefinitions/r{number}"
    return [
        {"id": role, "properties": {"permissions": [permission]}},
        {
            "id": f"{scope}/{KIND}/roleAssignments/a{number}",
            "properties": {"roleDefinitionId": role},
        },
    ]


async def test_grants_are_those_of_the_scope_and_above(
    premises: AppPremises, local_azure: Standin
):
    """What is granted in one group holds there and not next door; pages are followed."""
    resources = [
        *a_role(1, SCOPE, actions=["*/read"], notActions=["*/secrets/read"]),
        *a_role(2, GROUP, dataActions=["*"], notDataActions=["*/delete"]),
    ]
    local_azure.put_world({"settings": {"page_size": 1}, "resources": resources})
    reads = Grant(actions=("*/read",), not_actions=("*/secrets/read",))
    data = Grant(data_actions=("*",), not_data_actions=("*/delete",))
    assert (reads,) == await premises.grants(SCOPE)
    assert {reads, data} == set(await premises.grants(GROUP))
    assert (reads,) == await premises.grants(f"{SCOPE}/resourceGroups/other")


async def test_a_world_without_roles_grants_everything(
    premises: AppPremises, local_azure: Standin
):
    """The sandbox of somebody who does not care about roles is not full of faults."""
    local_azure.put_world({})
    assert (Grant(("*",), (), ("*",), ()),) == await premises.grants(SCOPE)


async def test_rights_that_may_not_be_read_are_forbidden(
    premises: AppPremises, local_azure: Standin
):
    """And not "none": doctor must not tell somebody to grant what is there."""
    local_azure.put_world({})
    local_azure.fault(pattern="GET .*permissions", status=403)
    with pytest.raises(Forbidden):
        await premises.grants(SCOPE)


async def test_an_opaque_token_names_nobody(premises: AppPremises):
    """As the stand-in's do."""
    assert Identity() == await premises.identity()


async def test_a_token_says_whom_it_is_for(storage: Storage):
    """Of our own token only, which was fetched over the identity's own endpoint."""
    claims = {"oid": "o", "appid": "c", "tid": "t"}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    class Known:
        async def get_token(self, *scopes: str) -> AccessToken:
            return AccessToken(f"e30.{body}.sig", 0)

    settings = Settings()
    known: Any = Known()
    app = AppPremises(known, ArmReader(known, settings), storage, settings)
    assert Identity("o", "c", "t") == await app.identity()


async def test_queues_are_counted_and_told_from_those_that_are_not_there(
    premises: AppPremises, storage: Storage
):
    """A queue that is missing is not an empty one."""
    name = f"q{uuid.uuid4().hex[:12]}"
    assert Contents() == await premises.queue(name)
    queue = storage.queues.get_queue_client(name)
    await queue.create_queue()
    await queue.send_message("x")
    assert Contents(1) == await premises.queue(name)


async def test_containers_are_counted_to_a_limit_with_the_oldest(
    premises: AppPremises, storage: Storage
):
    """And whether anybody may read them."""
    name = f"c{uuid.uuid4().hex[:12]}"
    assert Contents() == await premises.container(name, limit=5)
    container = await storage.blobs.create_container(name)
    assert Contents(0) == await premises.container(name, limit=5)
    for blob in ("a", "b", "c"):
        await container.upload_blob(blob, b"")
    found = await premises.container(name, limit=2)
    assert (2, False) == (found.count, found.is_public)
    assert found.oldest is not None
    assert abs(datetime.now(UTC) - found.oldest) < timedelta(minutes=1)
    public = await storage.blobs.create_container(f"{name}p", public_access="blob")
    await public.upload_blob("a", b"")
    assert (await premises.container(f"{name}p", limit=1)).is_public


async def test_tables_are_named(premises: AppPremises, storage: Storage):
    """Those that are there."""
    name = f"T{uuid.uuid4().hex[:12]}"
    await storage.tables.create_table(name)
    assert name in await premises.tables()


async def test_storages_clock_is_this_machines(premises: AppPremises):
    """The emulator runs here, so both are one clock; its date has whole seconds."""
    assert abs(await premises.clock_ahead()) < timedelta(seconds=2)


async def test_an_address_is_reached_whatever_it_answers(
    premises: AppPremises, local_azure: Standin
):
    """401 shows that it is there; nothing there is told as such."""
    assert 401 == await premises.reach(f"{local_azure.url}/ingestion")
    with pytest.raises(RetryLater):
        await premises.reach("https://127.0.0.1:1/ingestion")


async def test_an_event_is_put_as_event_grid_puts_it(premises: AppPremises, storage: Storage):
    """Base64, in the queue that the trigger reads."""
    queue = storage.queues.get_queue_client(EVENTS_QUEUE)
    if EVENTS_QUEUE not in [one.name async for one in storage.queues.list_queues()]:
        await queue.create_queue()
    await queue.clear_messages()
    await premises.put_event(b'{"id": "e-1"}')
    [message] = [one async for one in queue.receive_messages()]
    assert b'{"id": "e-1"}' == base64.b64decode(message.content)
    await queue.clear_messages()


def test_the_platform_says_which_app_it_is(storage: Storage, monkeypatch: pytest.MonkeyPatch):
    """So that a person need not look its ARM id up."""
    nobody: Any = None
    settings = Settings()
    app = AppPremises(nobody, ArmReader(nobody, settings), storage, settings)
    assert "" == app.about()["app_id"]
    guid = SCOPE.rpartition("/")[2]
    monkeypatch.setenv("WEBSITE_OWNER_NAME", f"{guid}+g-WestEuropewebspace-Linux")
    monkeypatch.setenv("WEBSITE_RESOURCE_GROUP", "g")
    monkeypatch.setenv("WEBSITE_SITE_NAME", "night")
    assert f"{GROUP}/providers/Microsoft.Web/sites/night" == app.about()["app_id"]
