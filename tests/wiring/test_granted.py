"""The role table against what is really called: the demo's scenarios, call by call."""

import asyncio
import re

import pytest

from sandbox import lifecycle
from sandbox.demo.__main__ import options
from sandbox.demo.interruptions import INTERRUPTIONS
from sandbox.demo.machine_learning import MACHINE_LEARNING
from sandbox.demo.scenarios import SCENARIOS, timed
from sandbox.demo.site import Site
from shared.core.facts import FactsKind
from shared.core.operations import READS, RECONCILE, VERBS
from shared.core.steps import Verb
from shared.surveys import discover

GROUP = "/subscriptions/s/resourceGroups/g"
AKS = "microsoft.containerservice/managedclusters"
VERB_OF = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
# Granted although no call names them: linked scopes of a snapshot's creation, and of a VM's
# that gets the disks, network cards and identities that an old one had; the part of
# a VM that some callers are asked for by itself, and the disk that a snapshot is of; and
# what people are only told of, which may be anything and is in none of the scenarios. The
# demo has no Slurm, whose machines are known by their addresses.
SURVEYED = {name.casefold() for one in discover().values() for name in one.actions}
UNSEEN = {
    *SURVEYED,  # now and then, in the demo or not
    *(name.casefold() for name in READS[FactsKind.RESOURCE].actions),
    *(name.casefold() for name in READS[FactsKind.SLURM_NODE].actions),
    *(name.casefold() for name in RECONCILE.actions),  # once a minute, in the demo or not
    # the care of Azure ML computes has a world of its own: tests/e2e/test_ml_care.py
    *(n.casefold() for v in Verb if v.value.startswith("ml_") for n in VERBS[v].actions),
    # online endpoints have one: tests/e2e/test_endpoints.py
    *(n.casefold() for n in VERBS[Verb.ENDPOINT_TRAFFIC].actions),
    # so have extensions: tests/e2e/test_ml_extensions.py
    *(
        name.casefold()
        for verb in Verb
        if verb.value.startswith("extension_")
        for name in (*VERBS[verb].actions, *VERBS[verb].data_actions)
    ),
    # updates have one: tests/e2e/test_patches.py
    *(n.casefold() for n in VERBS[Verb.ASSESS_PATCHES].actions),
    *(n.casefold() for n in VERBS[Verb.INSTALL_PATCHES].actions),
    # what is left over has one, too: tests/e2e/test_cleanup.py
    *(n.casefold() for v in (Verb.MARK, Verb.REMOVE) for n in VERBS[v].actions),
    # several at one moment: tests/contract/cloud/test_bulk_power.py
    "microsoft.computeschedule/locations/virtualmachinesexecutedeallocate/action",
    # restore points: tests/e2e/test_restore_points.py
    *(
        n.casefold()
        for v in Verb
        if "restore_point" in v or v == "snapshot_copy"
        for n in VERBS[v].actions
    ),
    # a VM that does not answer: tests/e2e/test_unresponsive.py
    *(n.casefold() for v in (Verb.BOOT_DIAGNOSTICS, Verb.RESTART) for n in VERBS[v].actions),
    *(name.casefold() for name in READS[FactsKind.VM_HEALTH].actions),
    "microsoft.compute/disks/begingetaccess/action",
    "microsoft.compute/disks/read",
    "microsoft.compute/disks/write",
    "microsoft.network/networkinterfaces/join/action",
    "microsoft.managedidentity/userassignedidentities/assign/action",
    "microsoft.compute/virtualmachines/instanceview/read",
}


def granted():
    """Return every operation of the role table, folded."""
    tables = [*VERBS.values(), *READS.values(), RECONCILE]
    verbs = {name.casefold() for one in tables for name in (*one.actions, *one.data_actions)}
    return verbs | SURVEYED


def operation(method, path):
    """Name the operation that a call needs, as Azure names operations; folded."""
    parts = path.partition("?")[0].casefold().strip("/").split("/")
    plane = PLANES.get(parts[0])
    if plane is not None:
        return plane(method, parts)
    if parts[1:] == ["microsoft.resourcegraph", "resources"]:
        return "microsoft.resourcegraph/resources/read"  # a query is a POST
    if "providers" not in parts:  # a subscription, or the list of what it holds
        return "/".join(["microsoft.resources/subscriptions", *parts[2:], "read"])
    last = len(parts) - 1 - parts[::-1].index("providers")
    provider, *rest = parts[last + 1 :]
    if provider == "microsoft.resourcehealth":
        return f"{provider}/availabilitystatuses/current/read"
    if rest[0] == "locations":
        return of_a_location(method, provider, rest)
    kind = "/".join([provider, *rest[::2]])
    return f"{kind}/action" if method == "POST" else f"{kind}/{VERB_OF[method]}"


def of_a_location(method, provider, rest):
    """Name what a call at a region needs: an action, or following an operation."""
    if method == "POST":
        return f"{provider}/locations/{rest[2]}/action"
    is_ml = provider.endswith("machinelearningservices")
    return f"{provider}/locations/{'computeoperationsstatus' if is_ml else 'operations'}/read"


def batch_operation(method, parts):
    """Name what Batch's data plane asks for: of pools in the control plane's words."""
    kind = "pools" if parts[2] == "pools" else "jobs"
    return f"microsoft.batch/batchaccounts/{kind}/{'read' if method == 'GET' else 'write'}"


def kubernetes_operation(method, parts):
    """Name what Azure RBAC asks for: subresources but ``exec`` count as the resource."""
    where = re.sub(r"^(api/v1|apis/(?P<group>[^/]+)/v1)/", r"\g<group>/", "/".join(parts))
    where = re.sub(r"/namespaces/[^/]+/", "/", where).strip("/")
    depth = 2 if where.startswith("apps/") else 1
    named = "/".join(where.split("/")[:depth])
    return f"{AKS}/{named}/{'read' if method == 'GET' else 'write'}"


PLANES = {
    "batch": batch_operation,
    "metrics": lambda *_: "microsoft.insights/metrics/read",
    "kubernetes": lambda method, parts: kubernetes_operation(method, parts[2:]),
    "history": lambda *_: "microsoft.machinelearningservices/workspaces/experiments/runs/read",
}


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """Play the demo's scenarios once and return the operations that Azure was asked for."""
    state = tmp_path_factory.mktemp("granted") / "sandbox"
    running = lifecycle.up(options(state))
    try:
        results, calls = asyncio.run(_played(running))
    finally:
        lifecycle.down(state)
    assert [r.name for r in results if not r.verified] == []
    return {
        operation(call["method"], call["path"])
        for call in calls
        if not call["path"].startswith(("/msi/", "/ingestion/", "/eventgrid/", "/discovery"))
    }


async def _played(running):
    async with Site(running) as site:
        scenarios = (
            timed(name, one, site, lambda _: None)
            for name, one in (*SCENARIOS, *INTERRUPTIONS, *MACHINE_LEARNING)
        )
        results = await asyncio.gather(*scenarios)
        return results, await site.azure("GET", "/_calls")


def test_whatever_is_called_is_granted(called):
    """A call beyond the table would be refused in Azure, in the middle of a plan."""
    assert sorted(called - granted()) == []


def test_whatever_is_granted_is_called(called):
    """A right that nothing uses is one too many."""
    assert sorted(granted() - called - UNSEEN) == []


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        (
            "POST",
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/v/redeploy?api-version=1",
            "microsoft.compute/virtualmachines/redeploy/action",
        ),
        (
            "POST",
            "/subscriptions/s/providers/Microsoft.ComputeSchedule/locations/we/virtualMachinesExecuteDeallocate",
            "microsoft.computeschedule/locations/virtualmachinesexecutedeallocate/action",
        ),
        (
            "GET",
            "/subscriptions/s/providers/Microsoft.Compute/virtualMachines",
            "microsoft.compute/virtualmachines/read",
        ),
        (
            "POST",
            "/kubernetes/c/api/v1/namespaces/nodes/pods/p/eviction",
            f"{AKS}/pods/write",
        ),
        (
            "POST",
            "/batch/a/jobs/j/tasks/t/reactivate",
            "microsoft.batch/batchaccounts/jobs/write",
        ),
    ],
)
def test_a_call_is_named_as_azure_names_it(method, path, needed):
    """The comparison above is worth what this naming is worth."""
    assert needed == operation(method, path)
