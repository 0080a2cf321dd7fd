"""Azure ML extensions on Kubernetes clusters: read, create, update, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shared.core.ml_extension_facts import ExtensionFacts


class Extensions(Protocol):
    """Extensions of the type ``Microsoft.AzureML.Kubernetes`` on AKS and on Arc.

    What is begun goes on in Azure; how it ended is seen by the next read.
    """

    async def read(self, target: str) -> ExtensionFacts | None:
        """Read a cluster with its Azure ML extensions; None if there is no such cluster.

        Args:
            target: A cluster, or an extension on it, which may be one to create.

        Raises:
            InvalidTarget: It is neither.
        """
        ...

    async def create(self, extension: str, settings: Mapping[str, str]) -> None:
        """Begin to create an extension with these settings."""
        ...

    async def update(self, extension: str, settings: Mapping[str, str]) -> None:
        """Begin to lay settings over those that stand; the protected ones stay.

        The same settings again have the extension reconciled.
        """
        ...

    async def delete(self, extension: str) -> None:
        """Begin to delete an extension; one that is gone is no error."""
        ...
