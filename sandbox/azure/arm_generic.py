"""Resource manager's general part: any resource by id, lists, tags and locks.

Answers what no service's own table does. What a service shows differently (an
instance view only on request) is in ``views``.
"""

from sandbox.azure import api_versions, arm_ids, errors, views
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.paging import page
from sandbox.azure.routes import Route

LOCK = "Microsoft.Authorization/locks"


def answer(call: Call) -> Reply:
    """Answer a path that no service's table holds: read it, list it, or tag it."""
    resource_id = arm_ids.parse(call.path)
    if resource_id is not None:
        api_versions.require_for_type(call, resource_id.type)
        if call.method == "GET":
            return Reply(200, views.shown(existing(call, call.path), address=call.state.url))
        if call.method == "PATCH":
            return _retag(call)
        raise _not_offered(call, resource_id.type)
    collection = arm_ids.parse(call.path + "/x")
    if collection is None or collection.scope == "":
        raise ServiceError(
            404, "InvalidResourceType", f"The path '{call.path}' is not one of Azure's."
        )
    api_versions.require_for_type(call, collection.type)
    if call.method != "GET":
        raise _not_offered(call, collection.type)
    scope, depth = _scope_of(call.path, collection)
    found = [
        views.shown(one, address=call.state.url)
        for one in call.state.world.of_type(collection.type, scope)
        if depth == 0 or one["id"].count("/") == depth
    ]
    return page(call, found)


def existing(call: Call, resource_id: str) -> Json:
    """Find a resource or refuse with 404, its group and name in the message."""
    resource = call.state.world.get(resource_id)
    if resource is None:
        raise errors.not_found(resource_id)
    return resource


def _scope_of(path: str, collection: arm_ids.ArmId) -> tuple[str, int]:
    """Say beneath what a list lists; a child list only its direct children."""
    if len(collection.names) > 1:
        return path.rpartition("/")[0], path.count("/") + 1
    return collection.scope, 0


def _not_offered(call: Call, kind: str) -> ServiceError:
    return ServiceError(
        405,
        "MethodNotAllowed",
        f"The stand-in does not offer {call.method} on resources of type '{kind}' at "
        f"'{call.path}'.",
    )


def _retag(call: Call) -> Reply:
    """Replace the tags of a resource: the one change that every type takes."""
    resource = existing(call, call.path)
    body = call.body()
    unknown = sorted(set(body) - {"tags"})
    if unknown:
        raise ServiceError(
            400,
            "InvalidRequestContent",
            f"Could not find member '{unknown[0]}': only 'tags' can be patched here.",
        )
    resource["tags"] = checked_tags(body.get("tags"))
    return Reply(200, views.shown(resource))


def checked_tags(tags: object) -> dict[str, str]:
    """Refuse tags that are not strings by strings, at most 50.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
    """
    if not isinstance(tags, dict) or not all(isinstance(one, str) for one in tags.values()):
        raise errors.invalid("tags", tags, "an object of strings", "InvalidTagsFormat")
    if len(tags) > 50:  # noqa: PLR2004 - Azure's documented limit
        raise errors.invalid("tags", f"{len(tags)} tags", "at most 50", "InvalidTagCount")
    return tags


def resources_in(call: Call) -> Reply:
    """List all resources beneath a subscription or resource group, in short form."""
    kind, tag = _list_filter(call.query.get("$filter", ""))
    prefix = call.path.lower().rpartition("/resources")[0] + "/"
    found: list[Json] = [
        {
            key: one[key]
            for key in ("id", "name", "type", "location", "tags", "sku")
            if key in one
        }
        for key, one in call.state.world.resources.items()
        if key.startswith(prefix) and "/providers/" in key
        if kind is None or one["type"].lower() == kind
        if tag is None or tag in {name.lower() for name in one.get("tags", {})}
    ]
    return page(call, found)


def _list_filter(text: str) -> tuple[str | None, str | None]:
    """Read the filter of a list of resources: by type or by a tag's name.

    Source: https://learn.microsoft.com/rest/api/resources/resources/list
    """
    if not text:
        return None, None
    field, _, rest = text.partition(" eq ")
    name = field.strip().lower()
    if name not in {"resourcetype", "tagname"} or not rest.strip().startswith("'"):
        raise errors.invalid(
            "$filter",
            text,
            "resourceType eq '...' or tagName eq '...'",
            "InvalidFilterInQueryString",
        )
    value = rest.strip().strip("'").lower()
    return (value, None) if name == "resourcetype" else (None, value)


def tags_of(call: Call) -> Reply:
    """Read, merge, replace or delete the tags of a resource through its tags resource.

    Source: https://learn.microsoft.com/rest/api/resources/tags
    """
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.resources/tags")]
    resource = existing(call, scope)
    tags = dict(resource.get("tags", {}))
    if call.method == "PATCH":
        body = call.body()
        given = checked_tags((body.get("properties") or {}).get("tags"))
        match body.get("operation"):
            case "Merge":
                tags.update(given)
            case "Replace":
                tags = given
            case "Delete":
                tags = {key: value for key, value in tags.items() if key not in given}
            case other:
                raise errors.invalid("operation", other, "Merge, Replace or Delete")
        resource["tags"] = tags
    return Reply(
        200,
        {
            "id": call.path,
            "name": "default",
            "type": "Microsoft.Resources/tags",
            "properties": {"tags": tags},
        },
    )


def locks(call: Call) -> Reply:
    """List the locks at a scope and above it; without ``atScope()`` also those below.

    Source: https://learn.microsoft.com/rest/api/resources/management-locks
    """
    scope = call.path[: call.path.lower().rindex("/providers/microsoft.authorization")].lower()
    below = call.query.get("$filter", "").lower() != "atscope()"
    found = [
        lock
        for lock in call.state.world.of_type(LOCK, "/subscriptions")
        if _covers(lock, scope) or (below and scope_of_lock(lock).startswith(scope + "/"))
    ]
    return page(call, found)


def scope_of_lock(lock: Json) -> str:
    """Say what a lock lies on, in lower case."""
    key: str = lock["id"].lower()
    return key[: key.rindex("/providers/microsoft.authorization/locks")]


def _covers(lock: Json, scope: str) -> bool:
    return (scope + "/").startswith(scope_of_lock(lock) + "/")


def refuse_if_locked(call: Call, target: str = "") -> None:
    """Refuse a write that a lock at the target or above forbids.

    The target is the call's path, or one of several that its body names. A ReadOnly lock
    forbids every write and every action, a CanNotDelete lock deletion.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
    """
    if call.method == "GET":
        return
    levels = {"readonly"} | ({"cannotdelete"} if call.method == "DELETE" else set())
    path = target or call.path
    for lock in call.state.world.of_type(LOCK, "/subscriptions"):
        level = str(lock["properties"].get("level", "")).lower()
        if level in levels and _covers(lock, path.lower()):
            verb = "delete" if call.method == "DELETE" else "write"
            raise ServiceError(
                409,
                "ScopeLocked",
                f"The scope '{path}' cannot perform {verb} operation because following "
                f"scope(s) are locked: '{scope_of_lock(lock)}'. Please remove the lock and "
                "try again.",
            )


def subscription(call: Call) -> Reply:
    """Answer for a subscription that some resource of the world lies in."""
    prefix = f"/subscriptions/{call.params['subscription']}".lower()
    if not any(key.startswith(prefix) for key in call.state.world.resources):
        raise ServiceError(
            404,
            "SubscriptionNotFound",
            f"The subscription '{call.params['subscription']}' could not be found.",
        )
    name = call.params["subscription"]
    held = call.state.world.get(call.path) or {}
    shown: Json = {"id": f"/subscriptions/{name}", "subscriptionId": name, "state": "Enabled"}
    if "tags" in held:
        shown["tags"] = held["tags"]
    return Reply(200, shown)


def resource_groups(call: Call) -> Reply:
    """List the resource groups that the world describes."""
    scope = call.path.rpartition("/")[0]
    kind = "Microsoft.Resources/resourceGroups"
    return page(call, list(call.state.world.of_type(kind, scope)))


ROUTES = (
    Route("GET", "/subscriptions/{subscription}/resourceGroups", resource_groups),
    Route("GET", "/subscriptions/{subscription}", subscription),
    Route("GET", "/subscriptions/{subscription}/resources", resources_in),
    Route(
        "GET", "/subscriptions/{subscription}/resourceGroups/{group}/resources", resources_in
    ),
)
