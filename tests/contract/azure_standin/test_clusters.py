"""AKS through resource manager, and its API server behind an Entra token."""

import base64
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import CLUSTER, SUBSCRIPTION, world

AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
VERSION = "api-version=2025-05-01"


def cluster_world() -> dict[str, Any]:
    cluster = {
        "id": CLUSTER,
        "location": "westeurope",
        "properties": {"nodeResourceGroup": "MC_training_train-aks_westeurope"},
    }
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu000001"}}
    return world(cluster, kubernetes={CLUSTER: {"objects": [node]}})


async def test_the_credential_opens_the_api_server_that_the_kubeconfig_names(
    azure_standin: Standin, credential: Any
) -> None:
    """The way in of a managed identity: kubeconfig for address and CA, token from Entra."""
    azure_standin.put_world(cluster_world())
    status, body, _ = azure_standin.arm(
        "POST", f"{CLUSTER}/listClusterUserCredential?{VERSION}&format=exec"
    )
    config = yaml.safe_load(base64.b64decode(body["kubeconfigs"][0]["value"]))
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    token = (await credential.get_token(f"{AKS_SERVER}/.default")).token
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            cluster["server"] + "/api/v1/nodes",
            headers={"Authorization": f"Bearer {token}"},
            ssl=ssl.create_default_context(cadata=authority),
        ) as answer,
    ):
        nodes = await answer.json()
    assert (200, 200) == (status, answer.status)
    assert ["gpu000001"] == [one["metadata"]["name"] for one in nodes["items"]]
    assert "token" not in config["users"][0]["user"]


def test_a_resource_manager_token_does_not_open_a_cluster(azure_standin: Standin) -> None:
    """The audience of a cluster is its own; a mix-up is a 401 in Azure too."""
    azure_standin.put_world(cluster_world())
    status, body, _ = azure_standin.arm("GET", "/kubernetes/train-aks/api/v1/nodes")
    assert (401, "Status") == (status, body["kind"])


def test_clusters_are_listed_by_subscription(azure_standin: Standin) -> None:
    """A node's scale set lies in the node group; the cluster is found by listing."""
    azure_standin.put_world(cluster_world())
    path = (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/managedClusters"
    )
    _, listed, _ = azure_standin.arm("GET", f"{path}?{VERSION}")
    _, one, _ = azure_standin.arm("GET", f"{CLUSTER}?{VERSION}")
    assert [CLUSTER] == [cluster["id"] for cluster in listed["value"]]
    assert "MC_training_train-aks_westeurope" == one["properties"]["nodeResourceGroup"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (
            f"{CLUSTER}/listClusterUserCredential?{VERSION}&format=yaml",
            400,
            "InvalidParameter",
        ),
        (f"{CLUSTER}-gone/listClusterUserCredential?{VERSION}", 404, "ResourceNotFound"),
        (
            f"{CLUSTER}/listClusterUserCredential?api-version=2019-01-01",
            400,
            "NoRegisteredProviderFound",
        ),
    ],
)
def test_a_wrong_request_for_credentials_is_refused(
    azure_standin: Standin, path: str, status: int, code: str
) -> None:
    """Each refusal says which part was wrong."""
    azure_standin.put_world(cluster_world())
    got, body, _ = azure_standin.arm("POST", path)
    assert (status, code) == (got, body["error"]["code"])


@pytest.fixture
def standin_over(tmp_path: Path) -> Callable[[dict[str, Any]], Any]:
    """Start another stand-in, over a world file given on its command line."""
    from tests.contract.azure_standin.running import started

    return lambda document: started(tmp_path, document)


def test_kubectl_works_with_the_kubeconfig_of_the_start(
    standin_over: Callable[[dict[str, Any]], Any], kubectl_path: str
) -> None:
    """By hand, a person looks into a sandbox's cluster with the tool they know."""
    with standin_over(cluster_world()) as running:
        shown = subprocess.run(
            [kubectl_path, "--kubeconfig", running.kubeconfig, "get", "nodes", "-o", "name"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert "node/gpu000001" == shown.stdout.strip(), shown.stderr
