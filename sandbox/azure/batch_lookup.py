"""Finding an account's jobs, tasks, pools and nodes, or refusing as the service does."""

from sandbox.azure.call import Call, Json
from sandbox.azure.errors import ServiceError


def account_of(call: Call) -> Json:
    """Find the account that the path begins with."""
    name = call.path.split("/")[2].lower() if call.path.count("/") > 1 else ""
    for known, account in call.state.world.batch.items():
        if known.lower() == name:
            return account
    raise ServiceError(404, "AccountNotFound", f"The Batch account '{name}' does not exist.")


def job_of(call: Call) -> Json:
    """Find the job that the path names."""
    return _among(account_of(call)["jobs"], call.params["job"], "Job")


def task_of(call: Call) -> Json:
    """Find the task that the path names."""
    return _among(job_of(call)["tasks"], call.params["task"], "Task")


def pool_of(call: Call) -> Json:
    """Find the pool that the path names."""
    return _among(account_of(call)["pools"], call.params["pool"], "Pool")


def node_of(call: Call) -> Json:
    """Find the node that the path names."""
    return _among(pool_of(call)["nodes"], call.params["node"], "Node")


def _among(items: list[Json], wanted: str, kind: str) -> Json:
    """Find an item by its id; ids of Batch keep their case but are compared without it."""
    for item in items:
        if item["id"].lower() == wanted.lower():
            return item
    raise ServiceError(
        404,
        f"{kind}NotFound",
        f"The specified {kind.lower()} does not exist.",
        values={"id": wanted},
    )


def require_etag(call: Call, item: Json) -> None:
    """Refuse a change meant for an older state of the item."""
    wanted = call.headers.get("If-Match")
    if wanted and wanted != "*" and wanted.strip('"') != str(item.get("eTag", "")).strip('"'):
        raise ServiceError(
            412,
            "ConditionNotMet",
            "The condition specified in the conditional header(s) was not met for a write "
            "operation.",
        )


def touched(item: Json, now: str) -> None:
    """Note that an item has changed."""
    item["lastModified"] = now
    item["eTag"] = hex(int(str(item.get("eTag", "0x0")), 16) + 1)
