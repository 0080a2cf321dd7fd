"""Azure ML compute clusters: their nodes, how many there are, and their scale settings.

A cluster of the world lists its nodes as ``_nodes`` (``nodeId``, ``nodeState``, ``runId``);
the counts that Azure shows are made of them. Lowering ``minNodeCount`` lets idle nodes go.

Source: https://learn.microsoft.com/rest/api/azureml/compute
"""

from sandbox.azure import errors
from sandbox.azure.api_versions import MACHINE_LEARNING
from sandbox.azure.arm_generic import checked_tags, existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.ml_nodes import GONE, counted, is_cluster
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_ONE = _WORKSPACE + "/computes/{name}"
_SCALE = frozenset({"minNodeCount", "maxNodeCount", "nodeIdleTimeBeforeScaleDown"})


def nodes(call: Call) -> Reply:
    """List the nodes of a cluster, all on one page."""
    compute = existing(call, call.path.rpartition("/")[0])
    if not is_cluster(compute):
        raise ServiceError(400, "BadRequest", f"'{compute['name']}' has no nodes to list.")
    told = [{"runId": None, **one} for one in compute.get("_nodes", [])]
    return Reply(200, {"nodes": told})


def update(call: Call) -> Reply:
    """Begin to change a cluster's scale settings, or the tags of any compute."""
    compute = existing(call, call.path)
    body = call.body()
    if set(body) == {"tags"}:
        compute["tags"] = checked_tags(body["tags"])
        return Reply(200, counted(compute))
    if not is_cluster(compute):
        raise ServiceError(400, "BadRequest", "Only AmlCompute can be updated by PATCH.")
    inner = (body.get("properties") or {}).get("properties") or {}
    given = inner.get("scaleSettings")
    if not isinstance(given, dict):
        raise errors.missing("properties.properties.scaleSettings")
    unknown = sorted(set(given) - _SCALE)
    if unknown:
        raise errors.invalid(
            "scaleSettings", unknown[0], f"one of {', '.join(sorted(_SCALE))}"
        )
    if not isinstance(given.get("maxNodeCount"), int):
        raise errors.missing("scaleSettings.maxNodeCount")
    if int(given.get("minNodeCount", 0)) > given["maxNodeCount"]:
        raise errors.invalid("minNodeCount", given["minNodeCount"], "at most maxNodeCount")

    def finish() -> None:
        compute["properties"].setdefault("properties", {})["scaleSettings"] = dict(given)
        _scale_down(compute, int(given.get("minNodeCount", 0)))
        call.state.world.count("cluster_scalings", compute["id"])

    return accepted(call, Work("update", compute["id"], finish=finish))


def _scale_down(compute: Json, least: int) -> None:
    """Let idle nodes go, down to the least that the settings keep."""
    held = compute.get("_nodes", [])
    present = sum(one.get("nodeState") not in GONE for one in held)
    for one in [one for one in held if one.get("nodeState") == "idle"]:
        if present <= least:
            return
        held.remove(one)
        present -= 1


ROUTES = (
    Route("PATCH", _ONE, update, MACHINE_LEARNING),
    Route("POST", f"{_ONE}/listNodes", nodes, MACHINE_LEARNING),
)
