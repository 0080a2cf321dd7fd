"""Online endpoints of Azure ML: created or changed by a PUT; deployments only read.

A split is checked as the service does: parts of deployments that are there, which make 100
or nothing; one deployment at most gets copies, at most half of them, and no live traffic.

Source: https://learn.microsoft.com/rest/api/azureml/online-endpoints/create-or-update
Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from sandbox.azure import errors
from sandbox.azure.api_versions import MACHINE_LEARNING
from sandbox.azure.arm_generic import checked_tags, existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

KIND = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
    "Microsoft.MachineLearningServices/workspaces/{workspace}/onlineEndpoints/{endpoint}"
)
_MODES = frozenset({"Key", "AMLToken", "AADToken"})
MOST_COPIES = 50


def put(call: Call) -> Reply:
    """Begin to change an endpoint; the split shows at once, the state after a while."""
    endpoint = existing(call, call.path)
    body = call.body()
    given = body.get("properties")
    if not isinstance(given, dict):
        raise errors.missing("properties")
    if given.get("authMode") not in _MODES:
        raise errors.invalid("properties.authMode", given.get("authMode"), "Key or a token")
    if not body.get("location"):
        raise errors.missing("location")
    if not isinstance(body.get("identity"), dict):
        raise errors.missing("identity")
    traffic = _checked(call, endpoint, given, "traffic")
    mirror = _checked(call, endpoint, given, "mirrorTraffic")
    _check_whole(traffic)
    _check_copies(endpoint, traffic, mirror)
    tags = checked_tags(body.get("tags") or {})
    held: Json = endpoint["properties"]

    def start() -> None:
        held.update(given, traffic=traffic, mirrorTraffic=mirror, provisioningState="Updating")
        endpoint.update(tags=tags)

    work = Work(
        verb=f"update to {traffic} {mirror}",
        target=endpoint["id"],
        start=start,
        finish=lambda: held.update(provisioningState="Succeeded"),
        fail=lambda: held.update(provisioningState="Failed"),
        result=lambda: endpoint,
    )
    reply = accepted(call, work, 200, endpoint)
    call.state.world.count("traffic_changes", endpoint["id"])
    return reply


def _checked(call: Call, endpoint: Json, given: Json, key: str) -> dict[str, int]:
    """Check the names and the numbers of a split; what gets nothing is dropped."""
    split = given.get(key) or {}
    if not isinstance(split, dict):
        raise errors.invalid(f"properties.{key}", split, "an object of numbers")
    for name, share in split.items():
        if type(share) is not int or not 0 <= share <= 100:  # noqa: PLR2004 - percent
            raise errors.invalid(f"properties.{key}.{name}", share, "0 to 100")
        if share and call.state.world.get(f"{endpoint['id']}/deployments/{name}") is None:
            raise ServiceError(400, "BadRequest", f"Deployment '{name}' was not found.")
    return {str(name).lower(): share for name, share in split.items() if share}


def _check_whole(traffic: dict[str, int]) -> None:
    if sum(traffic.values()) not in {0, 100}:
        total = sum(traffic.values())
        raise errors.invalid("properties.traffic", f"{total} percent", "0 or 100 together")


def _check_copies(endpoint: Json, traffic: dict[str, int], mirror: dict[str, int]) -> None:
    if not mirror:
        return
    if endpoint["properties"].get("compute"):
        raise ServiceError(400, "BadRequest", "Kubernetes online endpoints mirror nothing.")
    if len(mirror) > 1 or sum(mirror.values()) > MOST_COPIES:
        raise errors.invalid(
            "properties.mirrorTraffic", mirror, f"one deployment, at most {MOST_COPIES}"
        )
    if mirror.keys() & traffic.keys():
        raise ServiceError(
            400, "BadRequest", "A deployment gets live traffic or mirrored, not both."
        )


ROUTES = (Route("PUT", _ONE, put, MACHINE_LEARNING),)
