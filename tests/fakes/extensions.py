"""Clusters and the Azure ML extensions on them, as documents in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.ml_extension import EXTENSION_TYPE
from shared.core.ml_extension_facts import (
    ExtensionFacts,
    cluster_under,
    extension_of,
    facts_of,
    is_ml_extension,
)
from shared.core.workloads import Workload
from tests.fakes.clusters import FakeCluster
from tests.fakes.effects import Trapped

Document = dict[str, Any]


@dataclass(kw_only=True)
class FakeExtensions(Trapped):
    """Documents by folded id.

    Attributes:
        cluster: Whose workloads a change makes ready.
        lasting: Reads for which a change is under way.
        breaks: What every change ends with instead of success, or empty.
        mends: Whether a change that succeeds makes the components ready.
    """

    cluster: FakeCluster
    clusters: dict[str, Document] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    lasting: int = 1
    breaks: str = ""
    mends: bool = True
    _left: dict[str, int] = field(default_factory=dict)

    def add_cluster(self, document: Mapping[str, Any]) -> None:
        """Put a cluster into the world."""
        self.clusters[str(document["id"]).casefold()] = dict(document)

    def add(self, extension: str, state: str, settings: Mapping[str, str]) -> Document:
        """Put an extension onto a cluster."""
        inner = {
            "extensionType": EXTENSION_TYPE.lower(),
            "provisioningState": state,
            "configurationSettings": dict(settings),
        }
        self.documents[extension.casefold()] = {"id": extension, "properties": inner}
        return self.documents[extension.casefold()]

    async def read(self, target: str) -> ExtensionFacts | None:
        """Read a cluster with its extensions; a change gets on by one look."""
        self.reading("extensions")
        try:
            owner = cluster_under(target)
        except ValueError as error:
            raise InvalidTarget(str(error)) from error
        cluster = self.clusters.get(owner.casefold())
        if cluster is None:
            return None
        for key in [key for key in self._left if key.startswith(owner.casefold() + "/")]:
            self._get_on(key, owner)
        found = [
            extension_of(one)
            for key, one in self.documents.items()
            if key.startswith(owner.casefold() + "/") and is_ml_extension(one)
        ]
        return facts_of(target, cluster, found)

    def _get_on(self, key: str, owner: str) -> None:
        self._left[key] -= 1
        if self._left[key] >= 0:
            return
        del self._left[key]
        inner = self.documents[key]["properties"]
        if inner["provisioningState"] == "Deleting":
            del self.documents[key]
            return
        inner["provisioningState"] = self.breaks or "Succeeded"
        running = self.cluster.running
        if self.mends and not self.breaks and owner.casefold() in running:
            running[owner.casefold()] = tuple(
                Workload(one.kind, one.name, one.wanted, one.wanted)
                for one in running[owner.casefold()]
            )

    async def create(self, extension: str, settings: Mapping[str, str]) -> None:
        """Begin to create."""
        await self._begin("create", extension, "Creating", settings)

    async def update(self, extension: str, settings: Mapping[str, str]) -> None:
        """Begin to lay settings over those that stand."""
        held = self.documents[extension.casefold()]["properties"]["configurationSettings"]
        await self._begin("update", extension, "Updating", {**held, **settings})

    async def delete(self, extension: str) -> None:
        """Begin to delete."""
        held = self.documents.get(extension.casefold())
        if held is not None:
            settings = held["properties"]["configurationSettings"]
            await self._begin("delete", extension, "Deleting", settings)

    async def _begin(
        self, verb: str, extension: str, state: str, settings: Mapping[str, str]
    ) -> None:
        await asyncio.sleep(0)
        self.before(f"{verb} extension")
        self.add(extension, state, settings)
        self._left[extension.casefold()] = self.lasting
        self.happened(f"{verb}_extension", extension)
