"""Which calls the metrics of many machines take."""

from __future__ import annotations

from shared.adapters.monitor_metrics import ML_NAMESPACE, plan_queries
from shared.core.facts import MachineFacts, Resource
from shared.core.resource_ids import ML_COMPUTE, VM

GROUP = "/subscriptions/{}/resourceGroups/g/providers"
WORKSPACE = GROUP.format("s") + "/Microsoft.MachineLearningServices/workspaces/lab"


def vm(
    name: str, *, region: str = "westeurope", gpu: bool | None = False, sub: str = "s"
) -> MachineFacts:
    vm_id = GROUP.format(sub) + f"/Microsoft.Compute/virtualMachines/{name}"
    return MachineFacts(Resource(vm_id, VM, name, region), "running", gpu, None)


def instance(name: str, pool: str = WORKSPACE) -> MachineFacts:
    resource = Resource(
        f"{WORKSPACE}/computes/{name}", ML_COMPUTE, name, "westeurope", pool=pool
    )
    return MachineFacts(resource, "running", True, None)


def test_a_call_holds_at_most_fifty_machines() -> None:
    """The service refuses more; the client does not check."""
    queries = plan_queries([vm(str(number)) for number in range(120)], "")
    assert [50, 50, 20] == [len(query.machines) for query in queries]


def test_a_call_is_of_one_subscription_and_one_region() -> None:
    """The service refuses a mixture."""
    machines = [
        vm("a"),
        vm("b", region="West Europe"),
        vm("c", region="northeurope"),
        vm("d", sub="t"),
    ]
    queries = plan_queries(machines, "")
    assert [("westeurope", 2), ("northeurope", 1), ("westeurope", 1)] == [
        (query.region, len(query.machines)) for query in queries
    ]


def test_the_guest_metric_is_asked_of_machines_that_may_have_a_gpu() -> None:
    """A namespace may hold slashes; its metric is what follows the last."""
    machines = [vm("plain"), vm("gpu", gpu=True), vm("unknown", gpu=None)]
    queries = plan_queries(machines, "telegraf/nvidia_smi/utilization_gpu")
    guest = [query for query in queries if query.namespace == "telegraf/nvidia_smi"]
    assert [(("utilization_gpu",), ["gpu", "unknown"])] == [
        (query.metrics, [m.resource.name for m in query.machines]) for query in guest
    ]


def test_compute_instances_are_asked_of_their_workspace_by_name() -> None:
    """They have no metrics of their own; without a limit only ten series would come."""
    [query] = plan_queries([instance("ci-2"), instance("ci-1")], "ignored/metric")
    assert (ML_NAMESPACE, [WORKSPACE]) == (query.namespace, query.carriers)
    assert {
        "filter": "ComputeName eq 'ci-1' or ComputeName eq 'ci-2'",
        "top": "10",
    } == query.filter


def test_every_compute_instance_of_a_call_may_answer() -> None:
    """The service answers ten series unless told otherwise; the eleventh would be unread."""
    [query] = plan_queries([instance(f"ci-{number}") for number in range(40)], "")
    assert "40" == query.filter["top"]


def test_what_cannot_be_asked_about_safely_is_not_asked() -> None:
    """A region becomes part of a host name, a compute's name part of a filter."""
    odd = [
        vm("a", region="evil.example/"),
        vm("b", region=""),
        instance("x' or ComputeName eq '*"),
        instance("ci-1", pool=""),
    ]
    assert [] == plan_queries(odd, "")
