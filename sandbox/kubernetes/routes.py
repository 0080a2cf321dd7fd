"""Which object or collection a path means.

Pure. Paths come without the mount's prefix: ``api/v1/namespaces/a/pods/b/eviction``.
"""

from dataclasses import dataclass

from sandbox.kubernetes.errors import no_such_path
from sandbox.kubernetes.resources import Resource, of_path

_PREFIX_PARTS = {"api": 2, "apis": 3}
_OF_NAMESPACES = ("status", "finalize")


@dataclass(frozen=True)
class Target:
    """What a request is about; an empty name means the collection, ``""`` all namespaces."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> Target:
    """Resolve a path.

    Raises:
        ApiError: 404 when nothing is served under it.
    """
    parts = [part for part in path.split("/") if part]
    prefix = _PREFIX_PARTS.get(parts[0] if parts else "", 0)
    if not prefix or len(parts) <= prefix:
        raise no_such_path()
    group, version = ("", parts[1]) if prefix == 2 else (parts[1], parts[2])  # noqa: PLR2004 - api/v1 has two
    rest, namespace = parts[prefix:], ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACES:  # noqa: PLR2004 - namespaces/NAME/more
        namespace, rest = rest[1], rest[2:]
    resource = of_path(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace and not resource.is_namespaced):  # noqa: PLR2004 - plural/name/subresource
        raise no_such_path()
    name, subresource = (*rest[1:], "", "")[:2]
    if name and resource.is_namespaced and not namespace:
        raise no_such_path()
    return Target(resource, namespace, name, subresource)
