"""The three patch formats: JSON patch, merge patch, strategic merge patch.

Pure: each returns a new document and leaves what it was given as it was.

Source: https://datatracker.ietf.org/doc/html/rfc6902
Source: https://datatracker.ietf.org/doc/html/rfc7386
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from copy import deepcopy
from typing import Any

from sandbox.kubernetes.errors import ApiError, bad_request, unsupported_media

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
ACCEPTED = f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC}"

_MERGE_KEYS = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "ports": "containerPort",
    "resourceClaims": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""``patchMergeKey`` of the API types served here.

Taints and tolerations have none: a patch replaces those lists whole.
"""

_MERGED_PRIMITIVES = ("finalizers", "podCIDRs")


def apply(content_type: str, document: Any, patch: Any) -> Any:
    """Apply a patch of any accepted format.

    Raises:
        ApiError: 415 for another format, 400 for a malformed patch, 422 for one that fails.
    """
    kind = content_type.partition(";")[0].strip()
    if kind == JSON_PATCH:
        return json_patch(document, patch)
    if kind not in (MERGE_PATCH, STRATEGIC):
        raise unsupported_media(kind, ACCEPTED)
    if not isinstance(patch, dict):
        raise bad_request("the patch is no JSON object")
    return merge(document, patch) if kind == MERGE_PATCH else strategic(document, patch)


def merge(target: Any, patch: Any) -> Any:
    """Apply RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """Merge as a merge patch does, but lists of keyed objects item by item."""
    directive = patch.get("$patch")
    body = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return deepcopy(body)
    result = dict(target) if isinstance(target, dict) and directive != "delete" else {}
    for key, value in body.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategic(result.get(key), value)
        elif isinstance(value, list):
            result[key] = _merge_list(key, result.get(key) or [], value)
        else:
            result[key] = value
    return _apply_list_directives(result, patch)


def _merge_list(field: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if field in _MERGED_PRIMITIVES:
        return [*target, *(item for item in patch if item not in target)]
    key = _MERGE_KEYS.get(field)
    if key is None:
        return deepcopy(patch)
    if {"$patch": "replace"} in patch:
        return [deepcopy(item) for item in patch if item != {"$patch": "replace"}]
    result = list(target)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item!r} does not contain declared merge key: {key}")
        at = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [old for old in result if old.get(key) != item[key]]
        elif at is None:
            result.append(strategic({}, item))
        else:
            result[at] = strategic(result[at], item)
    return result


def _apply_list_directives(result: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    for key, value in patch.items():
        name, _, field = key.partition("/")
        if name == "$deleteFromPrimitiveList":
            result[field] = [item for item in result.get(field) or () if item not in value]
        elif name == "$setElementOrder" and isinstance(result.get(field), list):
            result[field] = _ordered(field, result[field], value)
    if "$retainKeys" in patch:
        return {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    return result


def _ordered(field: str, items: list[Any], order: list[Any]) -> list[Any]:
    """Sort items as asked; items that the order leaves out stay after those it names."""
    merge_key = _MERGE_KEYS.get(field)

    def rank(item: Any) -> int:
        wanted = item.get(merge_key) if merge_key and isinstance(item, dict) else item
        keys = [o.get(merge_key) if merge_key and isinstance(o, dict) else o for o in order]
        return keys.index(wanted) if wanted in keys else len(keys)

    return sorted(items, key=rank)


def json_patch(document: Any, operations: Any) -> Any:
    """Apply RFC 6902; all operations or none.

    Raises:
        ApiError: 400 when it is no list of operations, 422 when one cannot be applied.
    """
    if not isinstance(operations, list) or not all(isinstance(o, dict) for o in operations):
        raise bad_request("a JSON patch is a list of operations")
    result = deepcopy(document)
    try:
        for operation in operations:
            result = _operate(result, operation)
    except (KeyError, IndexError, ValueError, TypeError) as problem:
        message = (
            "the server rejected our request due to an error in our request: "
            f"{problem.args[0] if problem.args else problem}"
        )
        raise ApiError(422, "Invalid", message) from problem
    return result


def _operate(document: Any, operation: dict[str, Any]) -> Any:
    verb, path = operation["op"], _pointer(operation["path"])
    if verb == "test":
        if _read(document, path) != operation["value"]:
            raise ValueError(f"testing value {operation['path']} failed")
        return document
    if verb == "remove":
        return _edit(document, path, verb, None)
    if verb in ("add", "replace"):
        return _edit(document, path, verb, deepcopy(operation["value"]))
    if verb not in ("move", "copy"):
        raise ValueError(f"unexpected kind: {verb}")
    source = _pointer(operation["from"])
    value = deepcopy(_read(document, source))
    if verb == "move":
        document = _edit(document, source, "remove", None)
    return _edit(document, path, "add", value)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(f"JSON pointer {text!r} does not start with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(document, part)]
    return document


def _index(container: Any, part: str, *, may_append: bool = False) -> Any:
    if not isinstance(container, list):
        return part
    if part == "-" and may_append:
        return len(container)
    if not part.isdigit() or int(part) >= len(container) + may_append:
        raise IndexError(f"no index {part} in a list of {len(container)}")
    return int(part)


def _edit(document: Any, path: list[str], verb: str, value: Any) -> Any:
    if not path:
        return value
    container = _read(document, path[:-1])
    key = _index(container, path[-1], may_append=verb == "add")
    if verb == "add" and isinstance(container, list):
        container.insert(key, value)
    elif verb == "add":
        container[key] = value
    elif not isinstance(container, list) and key not in container:
        raise KeyError(f"unable to {verb} nonexistent key: {key}")
    elif verb == "replace":
        container[key] = value
    else:
        del container[key]
    return document
