"""The real kubectl reads, cordons and uncordons nodes of the stand-in."""

import json
from collections.abc import Callable

from tests.contract.kubernetes_standin.running import Manifest, Standin
from tests.contract.kubernetes_standin.worlds import budget, node, pod, web

Start = Callable[[list[Manifest]], Standin]


def test_kubectl_prints_the_nodes_and_whether_they_are_cordoned(start: Start):
    """The columns are what a person looks at first; kubectl takes them from the server."""
    standin = start([node("gpu-a"), node("gpu-b", unschedulable=True)])

    printed = standin.kubectl("get", "nodes", "-o", "wide")

    assert 0 == printed.returncode, printed.stderr
    rows = {line.split()[0]: line.split()[1] for line in printed.stdout.splitlines()[1:]}
    assert {"gpu-a": "Ready", "gpu-b": "Ready,SchedulingDisabled"} == rows


def test_a_cordon_and_its_uncordon_leave_the_node_as_it_was(start: Start):
    """What we undo must be gone without a trace, the node controller's taint included."""
    standin = start([node("gpu-a", providerID="azure:///vm/0")])
    before = standin.get("api/v1/nodes/gpu-a")["spec"]

    cordoned = standin.kubectl("cordon", "gpu-a")
    spec = standin.get("api/v1/nodes/gpu-a")["spec"]
    again = standin.kubectl("cordon", "gpu-a")
    undone = standin.kubectl("uncordon", "gpu-a")

    assert "node/gpu-a cordoned" == cordoned.stdout.strip()
    assert spec["unschedulable"] is True
    assert ["node.kubernetes.io/unschedulable"] == [taint["key"] for taint in spec["taints"]]
    assert "node/gpu-a already cordoned" == again.stdout.strip()
    assert "node/gpu-a uncordoned" == undone.stdout.strip()
    assert before == standin.get("api/v1/nodes/gpu-a")["spec"]


def test_kubectl_says_not_found_in_the_words_of_a_real_server(start: Start):
    """A Status of the wrong shape would read as a broken server instead."""
    standin = start([node("gpu-a")])

    refused = standin.kubectl("cordon", "gpu-z")

    assert 1 == refused.returncode
    assert 'Error from server (NotFound): nodes "gpu-z" not found' in refused.stderr


def test_kubectl_reads_a_list_in_chunks_without_loss(start: Start):
    """A drain pages through a node's pods; a chunk lost is a pod left behind."""
    pods = [pod(f"p{index:02}", "gpu-a") for index in range(7)] + [pod("other", "gpu-b")]
    standin = start([node("gpu-a"), node("gpu-b"), *pods])

    read = standin.kubectl(
        "get", "pods", "--field-selector=spec.nodeName=gpu-a", "--chunk-size=3", "-o", "json"
    )

    names = [item["metadata"]["name"] for item in json.loads(read.stdout)["items"]]
    assert [f"p{index:02}" for index in range(7)] == names


def test_kubectl_describes_a_node_with_the_pods_on_it(start: Start):
    """It needs leases, events and field selectors with two values for one field."""
    standin = start([node("gpu-a"), pod("trainer", "gpu-a"), pod("other", "gpu-b")])

    described = standin.kubectl("describe", "node", "gpu-a")

    assert 0 == described.returncode, described.stderr
    assert "trainer" in described.stdout
    assert "other" not in described.stdout


def test_kubectl_prints_how_many_disruptions_a_budget_allows(start: Start):
    """The number comes from the pods that are ready now, not from the manifest."""
    standin = start(
        [node("gpu-a"), *(web(i, "gpu-a") for i in range(5)), budget(minAvailable=3)]
    )

    printed = standin.kubectl("get", "pdb", "--no-headers")

    assert ["web", "3", "N/A", "2"] == printed.stdout.split()[:4]


def test_kubectl_wait_hears_of_a_deletion_through_its_watch(start: Start):
    """``wait`` lists, then watches, and returns once the pod is gone."""
    standin = start([node("gpu-a"), pod("trainer", "gpu-a")])
    standin.kubectl("delete", "pod", "trainer", "--wait=false")

    waited = standin.kubectl("wait", "--for=delete", "pod/trainer", "--timeout=10s")

    assert 0 == waited.returncode, waited.stderr
    assert {} == standin.pods()
