"""Rules from a blob container, by the deployed app: taken, refused, kept; no restart."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox

CONTAINER = "night-rules"
POLL_S = 10
RULE = "move-off-degraded-hardware"
MODE = "rules:\n  - name: move-off-degraded-hardware\n    mode: {}\n"
BROKEN = "rules:\n  - name: move-off-degraded-hardware\n    mode: of\n"
IT_MAY = ("act", "cooldown", "blast_radius")
"""An act, or a no that only a rule that may act can meet: another test acted before."""
NEW = "move-off-by-the-container"
OWN = """rules:
  - name: move-off-by-the-container
    on: vm.degraded
    remediate: snapshot_and_redeploy
"""


@dataclass
class Place:
    """The app, and the container as a person sees it."""

    site: Site
    files: ContainerClient
    state: Path

    async def upload(self, name: str, text: str | bytes) -> None:
        """Put a file there."""
        await self.files.upload_blob(name, text, overwrite=True)

    async def rules(self) -> dict[str, Any]:
        """Ask for the rules in force."""
        status, said = await self.site.call("GET", "/api/rules")
        assert status == 200, said
        return said

    async def eventually(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait for as long as the poll may take until the rules are as wanted."""

        async def look() -> dict[str, Any] | None:
            said = await self.rules()
            return said if wanted(said) else None

        found = await until(look)
        assert found, json.dumps(await self.rules(), indent=1)
        return found

    async def answered(self) -> str:
        """Send an event; tell by which reason, or act, the rule answered it."""
        event = events.degraded(str(uuid.uuid4()), world.DEGRADED_VM, now=datetime.now(UTC))
        await self.site.send_event(event)
        told = await until(lambda: self.site.event(event["id"]))
        [record] = told["records"]
        [one] = [said for said in record["decisions"] if said["rule"] == RULE]
        return one["reason"] or one["kind"]

    def log(self) -> str:
        """Read the app's log."""
        return Path(self.site.sandbox.log_files["functions"]).read_text(encoding="utf-8")


def mode_of(said: dict[str, Any], rule: str = RULE) -> str | None:
    """Give a rule's mode, or None if there is no such rule."""
    return next((one["mode"] for one in said["rules"] if one["name"] == rule), None)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """A sandbox of the default rules alone, that looks for rules in a container."""
    state = tmp_path_factory.mktemp("rules-sandbox")
    document = state / "world.json"
    document.write_text(json.dumps(world.build(datetime.now(UTC))), encoding="utf-8")
    environment = {
        "NIGHTSHIFT_RULES_CONTAINER": CONTAINER,
        "NIGHTSHIFT_RULES_POLL": f"{POLL_S}s",
    }
    yield lifecycle.up(SandboxOptions(state=state, world=document, environment=environment))
    lifecycle.down(state)


@pytest.fixture
async def place(night: Sandbox) -> AsyncIterator[Place]:
    """The container without a file, and that in force."""
    connection = night.storage_connection_string
    async with (
        Site(lifecycle.load(Path(night.state))) as site,
        BlobServiceClient.from_connection_string(connection) as blobs,
    ):
        files = blobs.get_container_client(CONTAINER)
        try:
            await files.create_container()
        except ResourceExistsError:
            async for name in files.list_blob_names():
                await files.delete_blob(name)
        here = Place(site, files, Path(night.state))
        await here.eventually(
            lambda said: (
                said["container"]["version"]
                and not said["refused"]
                and mode_of(said) == "observe"
            )
        )

        async def quiet() -> bool:
            _, page = await site.call("GET", "/api/plans?state=open")
            return not page["plans"]

        assert await until(quiet)
        await site.azure("PUT", "/_world", world.build(datetime.now(UTC)))
        yield here


async def test_rules_change_without_a_restart(place: Place):
    """Within the poll's interval: switched on, switched off, added, taken away."""
    assert await place.answered() == "observe_only"

    await place.upload("mode.yaml", MODE.format("off"))
    await place.upload("own.yaml", OWN)
    said = await place.eventually(lambda said: mode_of(said) == "off" and mode_of(said, NEW))
    assert await place.answered() == "mode_off"
    [own] = [one for one in said["rules"] if one["name"] == NEW]
    assert own["source"].startswith(f"blob:{CONTAINER}/own.yaml:2")
    assert own["on"] == ["vm.degraded"]

    await place.files.delete_blob("own.yaml")
    await place.upload("mode.yaml", MODE.format("auto"))
    said = await place.eventually(lambda said: mode_of(said) == "auto")
    assert mode_of(said, NEW) is None
    assert await place.answered() in IT_MAY


async def test_a_broken_version_changes_nothing_and_says_where_it_is_wrong(place: Place):
    """The old one goes on; whoever uploaded it reads file, line, column and what to write."""
    await place.upload("mode.yaml", MODE.format("off"))
    await place.eventually(lambda said: mode_of(said) == "off")

    await place.upload("mode.yaml", BROKEN)

    said = await place.eventually(lambda said: said["refused"])
    assert mode_of(said) == "off"
    assert await place.answered() == "mode_off"
    [wrong] = said["refused"]["problems"]
    where = (wrong["file"], wrong["line"], wrong["column"])
    assert where == (f"blob:{CONTAINER}/mode.yaml", 3, 11)
    assert "off" in wrong["suggestion"]
    await is_told_everywhere(place, said["refused"])

    await place.upload("mode.yaml", MODE.format("auto"))
    said = await place.eventually(lambda said: mode_of(said) == "auto")
    assert said["refused"] is None
    assert await place.answered() in IT_MAY
    assert (await place.site.call("GET", "/api/health"))[1]["status"] == "ok"
    assert await types(place, f"rules-{said['container']['version']}") == ["rules.loaded"]


async def types(place: Place, event_id: str) -> list[str]:
    """Give the signal types of an event's records, once there are any."""

    async def look() -> list[str]:
        told = await place.site.event(event_id)
        return [one["signal"]["type"] for one in told["records"]] if told else []

    return list(await until(look))


async def is_told_everywhere(place: Place, refused: dict[str, Any]) -> None:
    """To the log once, as an event for good, and to strangers only that something is."""
    assert await types(place, refused["event_id"]) == ["rules.refused"]
    told = await place.site.event(refused["event_id"])
    assert told is not None
    assert told["records"][0]["signal"]["problems"] == refused["problems"]
    assert told["records"][0]["decisions"][0]["reason"] == "refused"
    status, health = await place.site.call("GET", "/api/health", key="")
    assert (status, health["status"]) == (200, "degraded")
    assert health.keys() == {"status", "rules"}
    line = f"rules refused={refused['version']} blob:{CONTAINER}/mode.yaml:3:11: "
    assert place.log().count(line) == 1


async def test_a_restart_beside_a_broken_container_goes_on_with_the_last_good_version(
    place: Place,
):
    """What somebody switched off stays off, whatever was uploaded since."""
    await place.upload("off.yaml", MODE.format("off"))
    good = await place.eventually(lambda said: mode_of(said) == "off")
    event = f"rules-{good['container']['version']}"
    assert await types(place, event) == ["rules.loaded"]  # told after it was kept
    await place.upload("broken.yaml", b"rules:\n  - name: Z\xe9\n")

    lifecycle.kill_functions_host(place.site.sandbox)
    await asyncio.to_thread(lifecycle.restart_functions_host, place.site.sandbox)

    assert await place.answered() == "mode_off"
    said = await place.rules()
    assert said["container"]["is_last_good"] is True
    assert said["container"]["version"] == good["container"]["version"]
    [wrong] = said["refused"]["problems"]
    assert (wrong["file"], wrong["line"]) == (f"blob:{CONTAINER}/broken.yaml", 2)
    assert "not UTF-8" in wrong["message"]

    await place.files.delete_blob("broken.yaml")
    said = await place.eventually(lambda said: said["refused"] is None)
    assert mode_of(said) == "off"
    assert said["container"]["is_last_good"] is False
