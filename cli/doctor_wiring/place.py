"""The deployment that is looked at: its app, what the app says of itself, and a reader."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shared.adapters.arm import ArmReader
from shared.core.resource_ids import ResourceId
from shared.core.settings import Settings

Json = Mapping[str, Any]
WEB_API = "2024-04-01"


@dataclass
class Place:
    """Where to look.

    Attributes:
        about: What the app says of itself (``GET /api/doctor``).
        url: Where it was asked.
    """

    arm: ArmReader
    app_id: ResourceId
    about: Json
    url: str
    _lists: dict[str, asyncio.Task[list[Json]]] = field(default_factory=dict)

    @property
    def subscription(self) -> str:
        """The subscription that the app is deployed to, as a scope."""
        return f"/subscriptions/{self.app_id.subscription}"

    @property
    def group(self) -> str:
        """The resource group that the app is deployed to, as a scope."""
        return f"{self.subscription}/resourceGroups/{self.app_id.resource_group}"

    @property
    def host(self) -> str:
        """The app's host, with its port where it has one of its own."""
        return urlsplit(self.url).netloc.casefold()

    @property
    def in_group(self) -> str:
        """How a command of the CLI names the app."""
        return f"-g {self.app_id.resource_group} -n {self.app_id.name}"

    @property
    def watched(self) -> tuple[str, ...]:
        """The subscriptions that the app answers events of, as scopes."""
        given = self.about.get("subscriptions")
        names = [str(one) for one in given] if isinstance(given, list) else []
        return tuple(f"/subscriptions/{one}" for one in names)

    async def everything(self, kind: str, api_version: str, within: str = "") -> list[Json]:
        """List a type in a whole subscription, once however many checks ask.

        Args:
            within: A subscription; the app's own by default.
        """
        path = f"{(within or self.subscription).casefold()}/providers/{kind}"
        if path not in self._lists:
            self._lists[path] = asyncio.create_task(self.listed(path, api_version))
        return await asyncio.shield(self._lists[path])

    async def listed(self, path: str, api_version: str) -> list[Json]:
        """List what is under a path."""
        return [one async for one in self.arm.pages(path, api_version=api_version)]


def app_named(arguments: argparse.Namespace, about: Json) -> ResourceId | None:
    """Read which resource the app is, as the person or the app says; None if neither."""
    try:
        return ResourceId.parse(arguments.app_id or str(about.get("app_id") or ""))
    except ValueError:
        return None


@asynccontextmanager
async def looking(
    arguments: argparse.Namespace, about: Json, app_id: ResourceId
) -> AsyncIterator[Place]:
    """Sign in with whatever the person is signed in with, and stand beside the app."""
    from azure.identity.aio import DefaultAzureCredential

    endpoint = arguments.resource_manager.rstrip("/")
    settings = Settings(resource_manager=endpoint, resource_manager_audience=endpoint)
    async with DefaultAzureCredential() as credential:
        arm = ArmReader(credential, settings)
        try:
            yield Place(arm, app_id, about, arguments.url)
        finally:
            await arm.close()


def properties(resource: Json) -> Json:
    """Return a resource's own properties; none if it shows none."""
    found = resource.get("properties")
    return found if isinstance(found, Mapping) else {}


def inside(document: Json, *names: str) -> Json:
    """Go down by names; an empty object where the way ends."""
    for name in names:
        found = document.get(name)
        document = found if isinstance(found, Mapping) else {}
    return document


def some(document: Json, name: str) -> list[Json]:
    """Return the objects of a list; none if it is no list."""
    found = document.get(name)
    return (
        [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    )
