"""Kubeconfigs for the clusters of a world, as AKS gives them and as kubectl takes them."""

import base64

import yaml

from sandbox.azure.call import Json
from sandbox.azure.state import State
from sandbox.azure.tokens import KUBERNETES

_LONG = 30 * 24 * 3600.0


def for_exec(state: State, cluster: str) -> str:
    """Write what AKS answers for ``format=exec``: kubelogin fetches the token.

    Source: https://learn.microsoft.com/azure/aks/kubelogin-authentication
    """
    user: Json = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "args": [
                "get-token",
                "--environment",
                "AzurePublicCloud",
                "--server-id",
                KUBERNETES[0],
                "--login",
                "devicecode",
            ],
            "command": "kubelogin",
            "env": None,
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": False,
        }
    }
    return _written(state, [cluster], user)


def with_token(state: State) -> str:
    """Write a kubeconfig with one context a cluster and a token that outlives the run."""
    token, _ = state.tokens.issue(KUBERNETES[0], _LONG)
    return _written(state, state.world.clusters.names, {"token": token})


def _written(state: State, clusters: list[str], user: Json) -> str:
    authority = base64.b64encode(state.ca_pem).decode()
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": f"{state.url}/kubernetes/{name}",
                        "certificate-authority-data": authority,
                    },
                }
                for name in clusters
            ],
            "users": [{"name": "sandbox", "user": user}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": "sandbox"}}
                for name in clusters
            ],
            "current-context": clusters[0] if clusters else "",
        },
        sort_keys=False,
    )
