"""The Kubernetes API servers of a world, one a cluster. Their behaviour is not here.

The API server itself is ``sandbox.kubernetes.KubernetesApi``, imported when a cluster
is first needed, so that a world without clusters does not pay for it.
"""

from typing import Any, Protocol

from aiohttp import web

from sandbox.azure import arm_ids

Json = dict[str, Any]


class ApiServer(Protocol):
    """What the stand-in needs of a Kubernetes API server."""

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer one request; ``path`` is what follows the server's address."""

    def dump(self) -> list[Json]:
        """Write every object it holds."""

    def apply(self, objects: list[Json]) -> None:
        """Put objects in, in place of those of the same name."""


def new_api_server(objects: list[Json]) -> ApiServer:
    """Start a Kubernetes API server over some manifests."""
    from sandbox.kubernetes import KubernetesApi

    server: ApiServer = KubernetesApi(objects)
    return server


class Clusters:
    """The clusters of a world by resource id, each reached by its name."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._objects: dict[str, list[Json]] = {}
        self._servers: dict[str, ApiServer] = {}

    def add(self, cluster_id: str, objects: list[Json]) -> None:
        """Take a cluster in; its server starts when it is first asked.

        Raises:
            ValueError: another cluster has the same name, and so the same address.
        """
        parsed = arm_ids.parse(cluster_id)
        name = parsed.name.lower() if parsed else cluster_id.lower()
        if name in self._ids:
            raise ValueError(f"a second cluster is named {name!r}; names must differ")
        self._ids[name] = cluster_id
        self._objects[name] = objects

    @property
    def names(self) -> list[str]:
        """The name of every cluster."""
        return list(self._ids)

    def server(self, name: str) -> ApiServer | None:
        """Find the API server of one cluster, starting it at its first use."""
        key = name.lower()
        if key not in self._ids:
            return None
        if key not in self._servers:
            self._servers[key] = new_api_server(self._objects[key])
        return self._servers[key]

    def dump(self) -> Json:
        """Write every cluster as the world document holds it."""
        return {
            cluster_id: {
                "objects": self._servers[name].dump()
                if name in self._servers
                else self._objects[name]
            }
            for name, cluster_id in self._ids.items()
        }
