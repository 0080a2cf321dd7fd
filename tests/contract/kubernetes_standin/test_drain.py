"""The real ``kubectl drain`` against the stand-in: what it evicts, leaves and refuses."""

from collections.abc import Callable

from tests.contract.kubernetes_standin.running import Manifest, Standin
from tests.contract.kubernetes_standin.worlds import (
    budget,
    daemon,
    mirror,
    node,
    owner,
    pod,
    web,
)

Start = Callable[[list[Manifest]], Standin]
EVERYTHING = ("--ignore-daemonsets", "--delete-emptydir-data", "--force")
SCRATCH = {"volumes": [{"name": "scratch", "emptyDir": {}}]}


def test_a_drain_moves_what_it_may_and_leaves_the_rest(start: Start):
    """The DaemonSet's and the static pod stay, and no other node is touched."""
    scratch = pod("scratch", "gpu-a", owned_by=owner("ReplicaSet", "scratch"), **SCRATCH)
    elsewhere = [web(8, "gpu-b"), web(9, "gpu-b")]
    leaving = [web(0, "gpu-a"), web(1, "gpu-a"), scratch, pod("bare", "gpu-a")]
    staying = [*daemon("gpu-a"), mirror("gpu-a")]
    standin = start([node("gpu-a"), node("gpu-b"), *leaving, *staying, *elsewhere])
    others = standin.uids("gpu-b")
    kept = {standin.pods()[name]["metadata"]["uid"] for name in ("agent-x", "proxy-gpu-a")}

    drained = standin.kubectl("drain", "gpu-a", *EVERYTHING, "--timeout=30s")

    assert 0 == drained.returncode, drained.stderr
    assert "node/gpu-a drained" in drained.stdout
    assert kept == standin.uids("gpu-a")
    assert others < standin.uids("gpu-b")
    assert 2 + 3 == len(standin.pods("gpu-b"))


def test_a_pod_that_must_not_go_stops_the_drain_before_any_eviction(start: Start):
    """Without the flags kubectl names them all and evicts none, not even the innocent."""
    scratch = pod("scratch", "gpu-a", owned_by=owner("ReplicaSet", "scratch"), **SCRATCH)
    objects = [*daemon("gpu-a"), scratch, pod("bare", "gpu-a"), web(0, "gpu-a")]
    standin = start([node("gpu-a"), node("gpu-b"), *objects])
    before = standin.uids()

    refused = standin.kubectl("drain", "gpu-a", "--timeout=10s")

    assert 1 == refused.returncode
    for name in ("kube-system/agent-x", "default/scratch", "default/bare"):
        assert name in refused.stderr
    assert before == standin.uids()


def test_a_budget_holds_a_drain_until_the_replacement_is_ready(start: Start):
    """The 429 is retried by kubectl, and the budget frees itself in the meantime."""
    webs = [web(index, "gpu-a", ready_after="1s") for index in range(2)]
    standin = start([node("gpu-a"), node("gpu-b"), *webs, budget(maxUnavailable=1)])

    drained = standin.kubectl("drain", "gpu-a", "--timeout=40s")

    assert 0 == drained.returncode, drained.stderr
    assert 1 == drained.stderr.count("would violate the pod's disruption budget")
    assert {} == standin.pods("gpu-a")
    assert 2 == len(standin.pods("gpu-b"))


def test_a_budget_that_never_frees_ends_the_drain_at_its_timeout(start: Start):
    """With nowhere to go the second pod is never spared; it must still be there."""
    standin = start(
        [node("gpu-a"), web(0, "gpu-a"), web(1, "gpu-a"), budget(minAvailable="50%")]
    )

    refused = standin.kubectl("drain", "gpu-a", "--timeout=3s")

    assert 1 == refused.returncode
    assert "global timeout reached" in refused.stderr
    assert 1 == len(standin.pods("gpu-a"))
    status = standin.get("apis/policy/v1/poddisruptionbudgets")["items"][0]["status"]
    assert (1, 1, 0) == (
        status["currentHealthy"], status["desiredHealthy"], status["disruptionsAllowed"]
    )  # fmt: skip


def test_a_server_side_dry_run_of_a_drain_leaves_the_world_equal(start: Start):
    """Every write is asked with dryRun=All; none may be kept."""
    standin = start([node("gpu-a"), node("gpu-b"), web(0, "gpu-a")])
    before = standin.get("api/v1/pods"), standin.get("api/v1/nodes")

    asked = standin.kubectl("drain", "gpu-a", "--dry-run=server")

    assert 0 == asked.returncode, asked.stderr
    assert before == (standin.get("api/v1/pods"), standin.get("api/v1/nodes"))


def test_a_drain_waits_for_a_pod_that_takes_its_time_to_exit(start: Start):
    """It returns only when the pod is gone; a grace shorter than the exit cuts it."""
    slow = web(0, "gpu-a", exits_after="60s")
    standin = start([node("gpu-a"), node("gpu-b"), slow])

    late = standin.kubectl("drain", "gpu-a", "--timeout=2s")
    pods = standin.pods("gpu-a")
    cut = standin.kubectl("drain", "gpu-a", "--grace-period=1", "--timeout=20s")

    assert 1 == late.returncode
    assert "deletionTimestamp" in pods["web-0"]["metadata"]
    assert 0 == cut.returncode, cut.stderr
    assert {} == standin.pods("gpu-a")
