"""Evictions: asked of the budget, accepted once, carried out in time.

Time here is a number that the test turns.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.kubernetes import eviction
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.resources import BUDGETS, NODES, PODS
from sandbox.kubernetes.routes import Target
from sandbox.kubernetes.writes import patch
from tests.contract.kubernetes_standin.worlds import (
    budget,
    daemon,
    node,
    owner,
    pod,
    web,
)

Manifest = dict[str, Any]


@dataclass
class World:
    """A cluster, and a clock in the test's hand."""

    objects: list[Manifest]
    now: float = 0.0
    cluster: Cluster = field(init=False)

    def __post_init__(self) -> None:
        self.cluster = Cluster(lambda: self.now)
        self.cluster.load(self.objects)

    def evict(self, name: str, *, is_dry: bool = False, **options: Any) -> Manifest:
        metadata = {"name": name, "namespace": "default"}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        target = Target(PODS, "default", name, "eviction")
        if options:
            body["deleteOptions"] = options
        return eviction.evict(self.cluster, target, body, is_dry=is_dry)

    def refused(self, name: str, **options: Any) -> ApiError:
        with pytest.raises(ApiError) as refusal:
            self.evict(name, **options)
        return refusal.value

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.cluster.agenda.run_due()

    def get(self, name: str, namespace: str = "default") -> Manifest | None:
        return self.cluster.store.get(PODS, (namespace, name))

    def allowed(self) -> int:
        found = self.cluster.store.get(BUDGETS, ("default", "web"))
        return found["status"]["disruptionsAllowed"]


NODES_AB = [node("a"), node("b")]


def webs(count: int, **annotations: str) -> list[Manifest]:
    return [web(index, "a", **annotations) for index in range(count)]


def test_an_accepted_eviction_marks_the_pod_and_takes_it_away_in_time():
    """Accepted is not gone: whoever counts it as gone too early loses work."""
    world = World([*NODES_AB, pod("p", "a", terminationGracePeriodSeconds=60)])

    answer = world.evict("p")
    marked = world.get("p")["metadata"]
    world.wait(0.3)

    assert ("Success", 201) == (answer["status"], answer["code"])
    assert 60 == marked["deletionGracePeriodSeconds"]
    assert "deletionTimestamp" in marked
    assert world.get("p") is None


def test_a_second_eviction_is_accepted_and_does_not_start_the_clock_again():
    """A redelivered step may ask again; the pod still goes when it would have gone."""
    world = World(
        [*NODES_AB, web(0, "a", exits_after="10s", ready_after="1h"), budget(maxUnavailable=1)]
    )
    world.evict("web-0", gracePeriodSeconds=30)
    marked = world.get("web-0")
    world.wait(9)

    assert 201 == world.evict("web-0", gracePeriodSeconds=90)["code"]
    assert 201 == world.evict("web-0")["code"]
    assert marked == world.get("web-0")
    world.wait(1.5)
    assert world.get("web-0") is None


def test_the_grace_an_eviction_asks_for_cuts_a_pod_that_would_take_longer():
    """That is how a drain fits a deadline; 0 means at once."""
    world = World([*NODES_AB, *webs(2, exits_after="60s")])

    world.evict("web-0", gracePeriodSeconds=5)
    world.evict("web-1", gracePeriodSeconds=0)

    assert world.get("web-1") is None
    world.wait(4)
    assert world.get("web-0") is not None
    world.wait(2)
    assert world.get("web-0") is None


def test_a_shorter_grace_shortens_a_termination_under_way():
    """The deadline came nearer: the second request may only make it sooner."""
    world = World([*NODES_AB, web(0, "a", exits_after="60s")])
    world.evict("web-0", gracePeriodSeconds=50)

    world.evict("web-0", gracePeriodSeconds=2)
    world.wait(2.5)

    assert world.get("web-0") is None


def test_a_used_up_budget_refuses_with_its_cause_and_without_a_delay():
    """The real one gives no Retry-After here: client libraries would wait unseen."""
    world = World([*NODES_AB, *webs(2), budget(maxUnavailable=1)])
    world.evict("web-0")

    refusal = world.refused("web-1")

    assert (429, "TooManyRequests") == (refusal.code, refusal.reason)
    cause = refusal.status()["details"]["causes"][0]
    assert "DisruptionBudget" == cause["reason"]
    assert "web needs 1 healthy pods and has 1 currently" in cause["message"]
    assert {} == refusal.headers()
    assert "deletionTimestamp" not in world.get("web-1")["metadata"]


def test_a_budget_frees_itself_when_the_replacement_is_ready():
    """The replacement stands on the other node and becomes ready after its time."""
    cordon = node("a", unschedulable=True)
    world = World([cordon, node("b"), *webs(2, ready_after="3s"), budget(maxUnavailable=1)])
    world.evict("web-0")
    world.wait(2.5)
    assert 0 == world.allowed()

    world.wait(1)

    assert 1 == world.allowed()
    assert 201 == world.evict("web-1")["code"]
    assert {"b"} == {
        p["spec"]["nodeName"]
        for p in world.cluster.store.all(PODS).values()
        if "deletionTimestamp" not in p["metadata"]
    }


def test_a_budget_that_is_not_yet_observed_asks_to_come_back_in_ten_seconds():
    """A controller that lags: here, and only here, the answer carries Retry-After."""
    late = budget(maxUnavailable=1)
    late["metadata"]["annotations"] = {"sandbox.nightshift/observed-after": "5s"}
    world = World([*NODES_AB, *webs(2), late])

    refusal = world.refused("web-0")
    world.wait(6)

    assert {"Retry-After": "10"} == refusal.headers()
    assert 10 == refusal.status()["details"]["retryAfterSeconds"]
    assert 201 == world.evict("web-0")["code"]


def test_two_budgets_for_one_pod_are_an_error_that_no_retry_cures():
    """The real one answers 500 with this text; a drain must not loop on it for ever."""
    other = budget(minAvailable=0)
    other["metadata"]["name"] = "web-too"
    world = World([*NODES_AB, *webs(2), budget(minAvailable=0), other])

    refusal = world.refused("web-0")

    assert 500 == refusal.code
    assert "more than one PodDisruptionBudget" in refusal.message


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Pending"])
def test_a_pod_that_does_not_run_asks_no_budget(phase: str):
    """It disrupts nothing: finished and pending pods may always go."""
    idle = {**web(0, "a"), "status": {"phase": phase}}
    world = World([*NODES_AB, idle, web(1, "a"), budget(minAvailable=2)])

    assert 201 == world.evict("web-0")["code"]


@pytest.mark.parametrize(
    ("policy", "minimum", "code"),
    [("IfHealthyBudget", 1, 201), ("IfHealthyBudget", 2, 429), ("AlwaysAllow", 2, 201)],
)
def test_an_unready_pod_goes_by_the_policy_of_its_budget(policy: str, minimum: int, code: int):
    """A crash-looping pod must not hold a drain for ever where the owner said so."""
    unready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    rule = budget(minAvailable=minimum, unhealthyPodEvictionPolicy=policy)
    world = World([*NODES_AB, {**web(0, "a"), "status": unready}, web(1, "a"), rule])

    found = world.refused("web-0").code if code == 429 else world.evict("web-0")["code"]

    assert code == found


def test_a_percentage_budget_over_pods_of_an_unscalable_controller_spares_nothing():
    """Their number cannot be known, so the controller fails safe and says so."""
    kind = owner("DaemonSet", "agent")
    lone = pod("agent-0", "a", owned_by=kind, labels={"app": "web"})
    world = World([*NODES_AB, lone, budget(maxUnavailable="50%")])

    refusal = world.refused("agent-0")

    assert 429 == refusal.code
    assert "failed sync" in refusal.status()["details"]["causes"][0]["message"]


def test_an_eviction_of_a_successor_by_the_uid_of_its_predecessor_is_refused():
    """A StatefulSet's pod keeps its name: only the uid tells the old from the new."""
    kept = pod("db-0", "a", owned_by=owner("StatefulSet", "db"))
    world = World([*NODES_AB, kept])
    old = world.get("db-0")["metadata"]["uid"]
    world.evict("db-0")
    world.wait(1)
    new = world.get("db-0")["metadata"]["uid"]

    refusal = world.refused("db-0", preconditions={"uid": old})

    assert old != new
    assert (409, "Conflict") == (refusal.code, refusal.reason)


def test_a_dry_run_asks_the_budget_and_changes_nothing():
    """Same answers, same world."""
    world = World([*NODES_AB, *webs(2), budget(maxUnavailable=1)])
    before = world.cluster.dump()

    assert 201 == world.evict("web-0", is_dry=True)["code"]
    assert 201 == world.evict("web-1", dryRun=["All"])["code"]
    assert before == world.cluster.dump()


def test_an_eviction_in_a_namespace_that_ends_is_forbidden_with_its_cause():
    """An eviction is a create; the cause is what lets a drain wait instead of failing."""
    ending = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "default"},
        "status": {"phase": "Terminating"},
    }
    world = World([ending, *NODES_AB, pod("p", "a")])

    refusal = world.refused("p")

    assert (403, "Forbidden") == (refusal.code, refusal.reason)
    assert "NamespaceTerminating" == refusal.status()["details"]["causes"][0]["reason"]


def test_a_pod_that_is_gone_is_not_found():
    """Gone is what a drain wants; 404 is how it learns."""
    assert 404 == World([*NODES_AB]).refused("nobody").code


def test_a_pod_on_a_lost_node_stays_until_it_is_forced_away():
    """Nobody confirms its exit; a plan that waits for it must see that it is still there."""
    lost = node("a")
    lost["status"] = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    world = World([lost, node("b"), pod("p", "a")])

    world.evict("p")
    world.wait(60)
    assert world.get("p") is not None

    world.evict("p", gracePeriodSeconds=0)
    assert world.get("p") is None


def test_a_daemon_sets_pod_comes_back_to_the_node_it_left():
    """That is why a drain leaves it alone."""
    world = World([*NODES_AB, *daemon("a")])
    world.cluster.deletions.delete(PODS, ("kube-system", "agent-x"))

    world.wait(1)

    pods = world.cluster.store.pods_on("a")
    assert 1 == len(pods)
    assert world.get("agent-x", "kube-system") is None


def test_a_replacement_without_a_place_waits_until_a_node_takes_pods_again():
    """The uncordon is what brings the work back."""
    alone = World([node("a", unschedulable=True), web(0, "a")])
    alone.evict("web-0")
    alone.wait(1)
    (waiting,) = alone.cluster.store.all(PODS).values()
    assert ("Pending", None) == (waiting["status"]["phase"], waiting["spec"].get("nodeName"))

    uncordon = {"spec": {"unschedulable": None}}
    kind = "application/strategic-merge-patch+json"
    patch(alone.cluster, Target(NODES, "", "a"), kind, uncordon, is_dry=False)
    alone.wait(1)

    (placed,) = alone.cluster.store.all(PODS).values()
    assert ("Running", "a") == (placed["status"]["phase"], placed["spec"]["nodeName"])
