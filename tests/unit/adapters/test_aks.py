"""What an API server's answer to an eviction means, and reading a kubeconfig."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from shared.adapters.aks import Access, access_of, eviction_of
from shared.adapters.kubernetes_api import KubernetesAnswer
from shared.core.errors import ProviderUnavailable
from shared.core.pods import Pod
from shared.ports import Evicted

POD = Pod("team", "web-0", "uid-1")
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


def status(code: int, message: str = "", *causes: str) -> KubernetesAnswer:
    details = {"causes": [{"reason": cause} for cause in causes]}
    return KubernetesAnswer(code, {"kind": "Status", "message": message, "details": details})


@pytest.mark.parametrize(
    ("answer", "outcome", "why"),
    [
        (status(201), Evicted.ACCEPTED, ""),
        (status(200), Evicted.ACCEPTED, ""),
        (status(404, "not found"), Evicted.GONE, ""),
        (
            status(409, "Precondition failed: UID in precondition: a, UID in object: b"),
            Evicted.GONE,
            "",
        ),
        (status(429, BUDGET, "DisruptionBudget"), Evicted.BLOCKED, BUDGET),
        (
            status(403, "forbidden", "NamespaceTerminating"),
            Evicted.BLOCKED,
            "namespace team is terminating",
        ),
        (
            status(500, "This pod has more than one PodDisruptionBudget, which is..."),
            Evicted.BLOCKED,
            "This pod has more than one PodDisruptionBudget, which is...",
        ),
    ],
)
def test_an_answer_that_is_about_the_pod_is_an_outcome(
    answer: KubernetesAnswer, outcome: Evicted, why: str
) -> None:
    """Each of these the engine records by pod, and some of them it tries again."""
    said = eviction_of(answer, POD)
    assert said is not None
    assert (outcome, why) == (said.outcome, said.why)


@pytest.mark.parametrize(
    "answer",
    [
        status(403, "cannot create pods/eviction"),
        status(409, "the object has been modified"),
        status(500, "internal error"),
        status(401),
        KubernetesAnswer(429, {}),
    ],
)
def test_an_answer_that_is_about_us_or_the_server_is_an_error(
    answer: KubernetesAnswer,
) -> None:
    """A missing role must not look like a budget that blocks for ever."""
    assert eviction_of(answer, POD) is None


def kubeconfig(**cluster: Any) -> dict[str, Any]:
    config = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"user": {"token": "t"}}],
    }
    value = base64.b64encode(yaml.safe_dump(config).encode()).decode()
    return {"kubeconfigs": [{"name": "clusterUser", "value": value}]}


def test_a_kubeconfig_gives_server_and_authority_and_nothing_else() -> None:
    """A token in it would be somebody's secret; ours comes from the identity."""
    ca = base64.b64encode(b"PEM").decode()
    answer = kubeconfig(server="https://c.example:443", **{"certificate-authority-data": ca})
    assert Access("https://c.example:443", "PEM") == access_of(answer, "c")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kubeconfigs": []},
        {"kubeconfigs": [{"value": "%%%"}]},
        kubeconfig(server="https://c.example"),
    ],
)
def test_a_kubeconfig_without_server_or_authority_is_refused(answer: dict[str, Any]) -> None:
    """Talking to a server whose CA is unknown would hand our token to anybody."""
    with pytest.raises(ProviderUnavailable, match="names no server with a CA"):
        access_of(answer, "c")
