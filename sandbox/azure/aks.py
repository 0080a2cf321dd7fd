"""AKS clusters as resource manager shows them, and the way in that it hands out.

The clusters' own API servers are behind ``kubernetes_mount``.
Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
"""

import base64

from sandbox.azure import errors, kubeconfig
from sandbox.azure.api_versions import CONTAINER_SERVICE
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route

_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.ContainerService/managedClusters/{name}"
)
_FORMATS = ("azure", "exec", "web-login")


def user_credentials(call: Call) -> Reply:
    """Give the kubeconfig of a user: server and authority, the token to be fetched."""
    cluster = existing(call, call.path.rpartition("/")[0])
    asked = call.query.get("format", "azure")
    if asked.lower() not in _FORMATS:
        raise errors.invalid("format", asked, f"one of {', '.join(_FORMATS)}")
    if cluster["name"].lower() not in call.state.world.clusters.names:
        raise ServiceError(
            409,
            "OperationNotAllowed",
            f"The cluster '{cluster['name']}' has no API server: the world's 'kubernetes' "
            "holds no objects for it.",
        )
    text = kubeconfig.for_exec(call.state, cluster["name"].lower())
    value = base64.b64encode(text.encode()).decode()
    return Reply(200, {"kubeconfigs": [{"name": "clusterUser", "value": value}]})


ROUTES = (
    Route("POST", _ONE + "/listClusterUserCredential", user_credentials, CONTAINER_SERVICE),
)
