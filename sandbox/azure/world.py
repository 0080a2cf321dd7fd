"""The world: everything the stand-in knows, loaded from one JSON document and back.

Holds and indexes; the services change it. A document that cannot be right is refused
with the place and what would be right, before anything of it is used.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sandbox.azure import arm_ids, batch_defaults, compute_defaults
from sandbox.azure.clusters import Clusters

Json = dict[str, Any]

KNOWN_KEYS = (
    "settings",
    "resources",
    "metrics",
    "batch",
    "kubernetes",
    "published",
    "ingested",
    "acknowledged",
    "observed",
)


class WorldError(ValueError):
    """A world that cannot be loaded; the message says where and why."""


@dataclass(slots=True)
class Settings:
    """How the stand-in behaves, apart from what it holds.

    ``operation_seconds`` is how long a long-running operation takes,
    ``retry_after_seconds`` what its answers ask the client to wait (below one second it
    is sent as ``retry-after-ms``), ``task_seconds`` how long a reactivated Batch task
    queues and runs, ``eviction_seconds`` how long a simulated eviction gives notice.
    """

    operation_seconds: float = 0.3
    retry_after_seconds: float = 1.0
    page_size: int = 50
    task_seconds: float = 0.3
    eviction_seconds: float = 30.0


@dataclass(slots=True)
class World:
    """Every resource by its id (compared in lower case), and the other services' data."""

    settings: Settings = field(default_factory=Settings)
    resources: dict[str, Json] = field(default_factory=dict)
    metrics: list[Json] = field(default_factory=list)
    batch: dict[str, Json] = field(default_factory=dict)
    clusters: Clusters = field(default_factory=Clusters)
    published: dict[str, list[Json]] = field(default_factory=dict)
    ingested: dict[str, list[Json]] = field(default_factory=dict)
    acknowledged: list[Json] = field(default_factory=list)
    observed: dict[str, dict[str, int]] = field(default_factory=dict)
    _by_type: dict[str, dict[str, Json]] = field(default_factory=dict)

    def get(self, resource_id: str) -> Json | None:
        """Look one resource up, whatever the case of its id."""
        return self.resources.get(resource_id.lower())

    def put(self, resource: Json) -> None:
        """Add a resource, or replace the one of the same id."""
        key = resource["id"].lower()
        self.resources[key] = resource
        self._by_type.setdefault(resource["type"].lower(), {})[key] = resource

    def drop(self, resource_id: str) -> None:
        """Take a resource away, and all that lies beneath it."""
        key = resource_id.lower()
        for gone in [key, *(one for one in self.resources if one.startswith(key + "/"))]:
            resource = self.resources.pop(gone, None)
            if resource is not None:
                self._by_type[resource["type"].lower()].pop(gone, None)

    def of_type(self, kind: str, under: str) -> Iterator[Json]:
        """Go through the resources of one type that lie under a scope, oldest first."""
        prefix = under.lower().rstrip("/") + "/"
        for key, resource in self._by_type.get(kind.lower(), {}).items():
            if key.startswith(prefix):
                yield resource

    def count(self, what: str, target: str) -> None:
        """Note that something happened, for tests: redeploys, restarts, reactivations."""
        seen = self.observed.setdefault(what, {})
        seen[target] = seen.get(target, 0) + 1

    def dump(self) -> Json:
        """Write the world as a document that :func:`load` accepts."""
        return {
            "settings": asdict(self.settings),
            "resources": list(self.resources.values()),
            "metrics": self.metrics,
            "batch": self.batch,
            "kubernetes": self.clusters.dump(),
            "published": self.published,
            "ingested": self.ingested,
            "acknowledged": self.acknowledged,
            "observed": self.observed,
        }


def load(document: object) -> World:
    """Read a world document.

    Raises:
        WorldError: naming the place, what was there and what may be there.
    """
    top = _an_object(document, "world")
    unknown = sorted(set(top) - set(KNOWN_KEYS))
    if unknown:
        raise WorldError(
            f"world: unknown key {unknown[0]!r}; known are {', '.join(KNOWN_KEYS)}"
        )
    world = World(settings=_settings(_an_object(top.get("settings", {}), "settings")))
    for index, item in enumerate(_a_list(top.get("resources", []), "resources")):
        resource = _resource(item, f"resources[{index}]")
        if world.get(resource["id"]) is not None:
            raise WorldError(f"resources[{index}].id: {resource['id']!r} appears twice")
        world.put(resource)
    world.metrics = [
        _metric(item, f"metrics[{index}]")
        for index, item in enumerate(_a_list(top.get("metrics", []), "metrics"))
    ]
    for account, content in _an_object(top.get("batch", {}), "batch").items():
        world.batch[account] = _batch_account(_an_object(content, f"batch.{account}"), account)
    world.clusters = _clusters(_an_object(top.get("kubernetes", {}), "kubernetes"))
    world.published = _an_object(top.get("published", {}), "published")
    world.ingested = _an_object(top.get("ingested", {}), "ingested")
    world.acknowledged = _a_list(top.get("acknowledged", []), "acknowledged")
    world.observed = _an_object(top.get("observed", {}), "observed")
    return world


def _an_object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise WorldError(f"{where}: {type(value).__name__} where an object belongs")
    return value


def _a_list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise WorldError(f"{where}: {type(value).__name__} where a list belongs")
    return value


def _settings(given: Json) -> Settings:
    known = {one.name for one in fields(Settings)}
    for key, value in given.items():
        if key not in known:
            raise WorldError(f"settings.{key}: unknown; known are {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise WorldError(f"settings.{key}: {value!r} where a number of at least 0 belongs")
    settings = Settings(**given)
    if settings.page_size < 1 or int(settings.page_size) != settings.page_size:
        raise WorldError(f"settings.page_size: {settings.page_size} where 1 or more belongs")
    return settings


def _resource(item: object, where: str) -> Json:
    """Check one resource and fill in what its id already says."""
    resource = _an_object(item, where)
    text = resource.get("id")
    parsed = arm_ids.parse(text) if isinstance(text, str) else None
    if parsed is None:
        raise WorldError(
            f"{where}.id: {text!r} is not a resource id; it reads "
            "/subscriptions/{s}/resourceGroups/{g}/providers/{namespace}/{type}/{name}"
        )
    naming = [("type", parsed.type), ("name", parsed.name)]
    if parsed.type.lower() == compute_defaults.INSTANCE:
        resource.setdefault("name", "_".join(parsed.names))
        naming[1] = ("instanceId", parsed.name)
    for key, said in naming:
        if str(resource.setdefault(key, said)).lower() != said.lower():
            raise WorldError(f"{where}.{key}: {resource[key]!r}, but its id says {said!r}")
    _an_object(resource.setdefault("properties", {}), f"{where}.properties")
    _an_object(resource.get("tags", {}), f"{where}.tags")
    return compute_defaults.filled(resource)


def _metric(item: object, where: str) -> Json:
    """Check one series: whose it is, its name, and exactly one kind of content."""
    series = _an_object(item, where)
    for key in ("resourceId", "namespace", "name"):
        if not isinstance(series.get(key), str):
            raise WorldError(f"{where}.{key}: {series.get(key)!r} where a string belongs")
    content = [key for key in ("points", "constant", "series") if key in series]
    if len(content) != 1:
        raise WorldError(
            f"{where}: give exactly one of points, constant, series; got {content}"
        )
    if series.get("series", "missing") not in {"missing", "empty", "error"}:
        raise WorldError(
            f"{where}.series: {series['series']!r} is not one of missing, empty, error"
        )
    return series


def _batch_account(account: Json, name: str) -> Json:
    """Check one Batch account and fill in the times and states its parts need."""
    unknown = sorted(set(account) - {"endpoint", "jobs", "pools"})
    if unknown:
        raise WorldError(
            f"batch.{name}.{unknown[0]}: unknown; known are endpoint, jobs, pools"
        )
    try:
        return batch_defaults.filled(account)
    except ValueError as exc:
        raise WorldError(f"batch.{name}.{exc}") from exc


def _clusters(given: Json) -> Clusters:
    clusters = Clusters()
    for cluster_id, content in given.items():
        if arm_ids.parse(cluster_id) is None:
            raise WorldError(f"kubernetes: {cluster_id!r} is not a cluster's resource id")
        where = f"kubernetes[{cluster_id}]"
        objects = _a_list(_an_object(content, where).get("objects", []), f"{where}.objects")
        try:
            clusters.add(cluster_id, objects)
        except ValueError as exc:
            raise WorldError(f"{where}: {exc}") from exc
    return clusters
