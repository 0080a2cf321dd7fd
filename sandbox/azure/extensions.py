"""Extensions of Kubernetes clusters: read, created, updated and deleted, each over time.

What a cluster's API server then shows is the world's to say: an extension's ``_installs``
are manifests that appear in it when a change succeeds, in place of those of the same name.
Values of protected settings are never shown.

Source: https://learn.microsoft.com/rest/api/kubernetesconfiguration/extensions
"""

from sandbox.azure import clock, errors
from sandbox.azure.api_versions import EXTENSIONS
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.operations import Work, accepted
from sandbox.azure.paging import page
from sandbox.azure.routes import Route

KIND = "Microsoft.KubernetesConfiguration/extensions"
_ALL = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{kind}"
    "/{cluster}/providers/Microsoft.KubernetesConfiguration/extensions"
)
_ONE = _ALL + "/{name}"
_HOSTS = (
    ("microsoft.containerservice", "managedclusters"),
    ("microsoft.kubernetes", "connectedclusters"),
)
_TYPES = ("microsoft.azureml.kubernetes", "microsoft.flux", "microsoft.dapr")
_SETTINGS, _PROTECTED = "configurationSettings", "configurationProtectedSettings"


def _cluster(call: Call) -> Json:
    """Find the cluster, which must be of a kind that bears extensions."""
    host = (call.params["provider"].lower(), call.params["kind"].lower())
    if host not in _HOSTS:
        known = ", ".join("/".join(one) for one in _HOSTS)
        raise errors.invalid("clusterRp", "/".join(host), f"one of {known}")
    at = call.path.lower().rindex("/providers/")
    return existing(call, call.path[:at])


def shown(extension: Json) -> Json:
    """Show an extension without what only the world knows, and without secrets."""
    properties = dict(extension["properties"])
    if _PROTECTED in properties:
        properties[_PROTECTED] = dict.fromkeys(properties[_PROTECTED], "")
    kept = {key: value for key, value in extension.items() if not key.startswith("_")}
    return {**kept, "properties": properties}


def read(call: Call) -> Reply:
    """Read one extension."""
    _cluster(call)
    return Reply(200, shown(existing(call, call.path)))


def listed(call: Call) -> Reply:
    """List a cluster's extensions."""
    cluster = _cluster(call)
    return page(call, [shown(one) for one in call.state.world.of_type(KIND, cluster["id"])])


def put(call: Call) -> Reply:
    """Begin to create an extension; one that is there is made anew."""
    _cluster(call)
    given = _properties(call)
    if str(given.get("extensionType") or "").lower() not in _TYPES:
        allowed = f"one of {', '.join(_TYPES)}"
        raise errors.invalid("extensionType", given.get("extensionType"), allowed)
    if "scope" not in given:
        raise errors.missing("properties.scope")
    held = call.state.world.get(call.path) or {}
    extension: Json = {
        **{key: value for key, value in held.items() if key.startswith("_")},
        "id": call.path,
        "name": call.params["name"],
        "type": KIND,
        "identity": call.body().get("identity"),
        "properties": {**given, "extensionType": given["extensionType"].lower()},
    }
    call.state.world.put(extension)
    work = _work(call, extension, "create", "Creating")
    reply = accepted(call, work, status=201)
    return Reply(201, shown(extension), reply.headers)


def patch(call: Call) -> Reply:
    """Begin to update an extension: named settings change, the others stay."""
    _cluster(call)
    extension, given = existing(call, call.path), _properties(call)
    properties = extension["properties"]
    work = _work(call, extension, "update", "Updating")
    reply = accepted(call, work)
    properties[_SETTINGS] = {**properties.get(_SETTINGS, {}), **given.get(_SETTINGS, {})}
    if given.get(_PROTECTED):
        properties[_PROTECTED] = given[_PROTECTED]
    return Reply(202, shown(extension), reply.headers)


def delete(call: Call) -> Reply:
    """Begin to delete an extension."""
    _cluster(call)
    extension = call.state.world.get(call.path)
    if extension is None:
        return Reply(204)
    work = _work(call, extension, "delete", "Deleting")
    work.finish = lambda: call.state.world.drop(extension["id"])
    return accepted(call, work)


def _properties(call: Call) -> Json:
    """Read what a change says; settings are texts, as the service takes them."""
    given = call.body().get("properties")
    if not isinstance(given, dict):
        raise errors.missing("properties")
    for name in (_SETTINGS, _PROTECTED):
        settings = given.get(name) or {}
        if not isinstance(settings, dict) or not all(
            isinstance(one, str) for one in settings.values()
        ):
            raise errors.invalid(name, settings, "an object of strings")
    return given


def _work(call: Call, extension: Json, verb: str, meanwhile: str) -> Work:
    properties = extension["properties"]

    def set_state(state: str) -> None:
        properties["provisioningState"] = state
        extension["systemData"] = {"lastModifiedAt": clock.now_iso()}

    def finish() -> None:
        set_state("Succeeded")
        properties.pop("errorInfo", None)
        properties["statuses"] = []
        call.state.world.count(f"extension_{verb}s", extension["id"])
        _install(call, extension)

    return Work(
        verb=verb,
        target=extension["id"],
        start=lambda: set_state(meanwhile),
        finish=finish,
        fail=lambda: set_state("Failed"),
    )


def _install(call: Call, extension: Json) -> None:
    """Let the extension's manifests appear in the cluster."""
    cluster = extension["id"][: extension["id"].lower().rindex("/providers/")]
    name = cluster.rpartition("/")[2]
    server = call.state.world.clusters.server(name)
    if server is not None and extension.get("_installs"):
        server.apply(extension["_installs"])


ROUTES = (
    Route("GET", _ALL, listed, EXTENSIONS),
    Route("GET", _ONE, read, EXTENSIONS),
    Route("PUT", _ONE, put, EXTENSIONS),
    Route("PATCH", _ONE, patch, EXTENSIONS),
    Route("DELETE", _ONE, delete, EXTENSIONS),
)
