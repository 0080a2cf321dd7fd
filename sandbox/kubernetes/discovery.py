"""What the server says it serves: versions, groups, resources, minimal OpenAPI.

Pure. kubectl reads these before anything else; ``kubectl drain`` looks for the
``policy`` group and the ``pods/eviction`` subresource before it evicts.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from typing import Any

from sandbox.kubernetes.resources import PODS, RESOURCES, VERBS, Resource

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.4",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-04-22T15:57:46Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_HEALTH = ("healthz", "livez", "readyz")
_GROUPS = sorted({(r.group, r.version) for r in RESOURCES if r.group})


def answer(path: str) -> dict[str, Any] | str | None:
    """Give the document at a path, or None when the path is no discovery path."""
    fixed: dict[str, dict[str, Any]] = {
        "version": VERSION,
        "api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(group, version) for group, version in _GROUPS],
        },
        "openapi/v3": {"paths": _openapi_index()},
    }
    parts = path.strip("/").split("/")
    if parts[0] in _HEALTH:
        return "ok"
    if "/".join(parts) in fixed:
        return fixed["/".join(parts)]
    if parts[:2] == ["openapi", "v3"]:
        return _openapi(parts[2:])
    return _listing(parts)


def _listing(parts: list[str]) -> dict[str, Any] | None:
    if parts == ["api", "v1"]:
        return _resources("", "v1")
    if parts[0] != "apis":
        return None
    for group, version in _GROUPS:
        if parts[1:] == [group]:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)}
        if parts[1:] == [group, version]:
            return _resources(group, version)
    return None


def _group(group: str, version: str) -> dict[str, Any]:
    entry = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [entry], "preferredVersion": entry}


def _resources(group: str, version: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for resource in RESOURCES:
        if (resource.group, resource.version) == (group, version):
            entries.extend(_entries(resource))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": entries,
    }


def _entries(resource: Resource) -> list[dict[str, Any]]:
    base: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.is_namespaced,
        "kind": resource.kind,
    }
    found = [{**base, "verbs": list(VERBS), "shortNames": list(resource.short_names)}]
    if resource.has_status:
        verbs = ["get", "patch", "update"]
        found.append(
            {**base, "name": f"{resource.plural}/status", "singularName": "", "verbs": verbs}
        )
    if resource is PODS:
        found.append(
            {
                "name": "pods/eviction",
                "singularName": "",
                "namespaced": True,
                "group": "policy",
                "version": "v1",
                "kind": "Eviction",
                "verbs": ["create"],
            }
        )
    return found


def _openapi_index() -> dict[str, Any]:
    groups = [f"apis/{group}/{version}" for group, version in _GROUPS]
    return {
        key: {"serverRelativeURL": f"/openapi/v3/{key}?hash=1"} for key in ("api/v1", *groups)
    }


def _openapi(parts: list[str]) -> dict[str, Any] | None:
    """Say that patches take ``dryRun`` and ``fieldValidation``, all that kubectl asks."""
    listing = _listing(parts)
    if listing is None or "resources" not in listing:
        return None
    paths: dict[str, Any] = {}
    group, _, version = listing["groupVersion"].rpartition("/")
    query = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in ("dryRun", "fieldValidation")
    ]
    for entry in listing["resources"]:
        if "patch" in entry["verbs"]:
            scope = "namespaces/{namespace}/" if entry["namespaced"] else ""
            gvk = {"group": group, "version": version, "kind": entry["kind"]}
            operation = {
                "parameters": query,
                "responses": {},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": gvk,
            }
            path = f"/{'/'.join(parts)}/{scope}{entry['name']}/{{name}}"
            paths[path] = {"patch": operation}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.4"},
        "paths": paths,
    }
