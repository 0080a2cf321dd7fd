"""The Batch data plane: jobs, tasks, pools and nodes of the accounts of a world.

An account's endpoint is ``{address}/batch/{account}``: the client takes a path prefix.
Source: https://learn.microsoft.com/rest/api/batchservice/
"""

from sandbox.azure import batch_filters, batch_jobs, batch_nodes, batch_tasks
from sandbox.azure.batch_lookup import account_of, job_of, node_of, pool_of, task_of
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.paging import page
from sandbox.azure.routes import Route, Routes

VERSIONS = ("2024-07-01.20.0", "2025-06-01")
_MOST_IN_A_PAGE = 1000
_LIST_QUERY = frozenset(
    {"api-version", "timeout", "maxresults", "$filter", "$select", "$expand", "$skiptoken"}
)
_HIDDEN = {"jobs": ("tasks",), "pools": ("nodes",)}


def answer(call: Call) -> Reply:
    """Answer one call to an account, or refuse it as the service does."""
    account_of(call)
    path = "/" + "/".join(call.path.split("/")[3:])
    matches = ROUTES.fitting(path)
    match = next((one for one in matches if one.route.method == call.method), None)
    if match is None and matches:
        raise ServiceError(
            405, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb."
        )
    if match is None:
        raise ServiceError(
            400,
            "InvalidUri",
            "The requested URI does not represent any resource on the server.",
        )
    _require_version(call)
    call.params = match.params
    return match.route.handler(call)


def _require_version(call: Call) -> None:
    version = call.query.get("api-version")
    if not version:
        raise ServiceError(
            400,
            "MissingRequiredQueryParameter",
            "A required query parameter was not specified for this request.",
            values={"QueryParameterName": "api-version"},
        )
    if version not in VERSIONS:
        raise ServiceError(
            400,
            "UnsupportedRequestVersion",
            "The specified request version is not supported.",
            values={"api-version": version, "Supported": ", ".join(VERSIONS)},
        )


def _listed(call: Call, kind: str, items: list[Json]) -> Reply:
    """Answer a list: filtered, cut into pages, each item with what was selected."""
    for key, _ in call.asked:
        if key.lower() not in _LIST_QUERY:
            raise ServiceError(
                400,
                "UnsupportedQueryParameter",
                "One of the query parameters specified in the request URI is not supported.",
                values={"QueryParameterName": key},
            )
    passes = batch_filters.read(call.query.get("$filter", ""), kind)
    select = call.query.get("$select")
    found = [
        batch_filters.selected(_without_parts(item, kind), select)
        for item in items
        if passes(item)
    ]
    reply = page(call, found, size=_page_size(call), link="odata.nextLink")
    account = call.path.split("/")[2]
    metadata = f"{call.state.url}/batch/{account}/$metadata#{kind}"
    if isinstance(reply.body, dict):
        reply.body = {"odata.metadata": metadata, **reply.body}
    return reply


def _page_size(call: Call) -> int | None:
    text = call.query.get("maxresults")
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= _MOST_IN_A_PAGE:
        raise ServiceError(
            400,
            "OutOfRangeQueryParameterValue",
            "A query parameter specified in the request URI is outside the permissible range.",
            values={"QueryParameterName": "maxresults", "QueryParameterValue": text},
        )
    return int(text)


def _without_parts(item: Json, kind: str) -> Json:
    """Leave out what the world nests and the service does not: a job's tasks."""
    return {key: value for key, value in item.items() if key not in _HIDDEN.get(kind, ())}


def _one(call: Call, kind: str, item: Json) -> Reply:
    shown = batch_filters.selected(_without_parts(item, kind), call.query.get("$select"))
    etag = {"ETag": str(item["eTag"])} if "eTag" in item else {}
    return Reply(200, shown, etag)


def _list_jobs(call: Call) -> Reply:
    return _listed(call, "jobs", account_of(call)["jobs"])


def _get_job(call: Call) -> Reply:
    return _one(call, "jobs", job_of(call))


def _list_tasks(call: Call) -> Reply:
    return _listed(call, "tasks", job_of(call)["tasks"])


def _get_task(call: Call) -> Reply:
    return _one(call, "tasks", task_of(call))


def _list_pools(call: Call) -> Reply:
    return _listed(call, "pools", account_of(call)["pools"])


def _get_pool(call: Call) -> Reply:
    return _one(call, "pools", pool_of(call))


def _list_nodes(call: Call) -> Reply:
    return _listed(call, "nodes", pool_of(call)["nodes"])


def _get_node(call: Call) -> Reply:
    return _one(call, "nodes", node_of(call))


ROUTES = Routes(
    [
        Route("GET", "/jobs", _list_jobs),
        Route("GET", "/jobs/{job}", _get_job),
        Route("GET", "/jobs/{job}/tasks", _list_tasks),
        Route("GET", "/jobs/{job}/tasks/{task}", _get_task),
        Route("POST", "/jobs/{job}/tasks/{task}/reactivate", batch_tasks.reactivate),
        *batch_jobs.ROUTES,
        Route("GET", "/pools", _list_pools),
        Route("GET", "/pools/{pool}", _get_pool),
        Route("GET", "/pools/{pool}/nodes", _list_nodes),
        Route("GET", "/pools/{pool}/nodes/{node}", _get_node),
        *batch_nodes.ROUTES,
    ]
)
