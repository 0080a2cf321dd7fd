"""The world of ``worlds`` as the fakes hold it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.core.facts import AksNode, ManagedDisk, Resource, Utilisation
from shared.core.gangs import BY_RULE, Gang
from shared.core.ml_clusters import MlCluster
from shared.core.ml_endpoints import Deployment, EndpointFacts, Figures, Routing
from shared.core.ml_jobs import MlJob
from shared.core.patches import PatchFacts
from shared.core.pods import Pod
from shared.core.protection import Lock, LockLevel
from shared.core.resource_ids import ML_COMPUTE, ML_ENDPOINT, SCALE_SET, SCALE_SET_VM, VM
from shared.core.resources import resource_from_arm
from shared.core.snapshots import read_snapshot
from tests.contract.cloud import worlds as w
from tests.contract.cloud.world_clusters import clusters
from tests.contract.cloud.world_document import resources as arm_documents
from tests.contract.cloud.world_machines import old_snapshots
from tests.fakes.cloud import (
    FOREVER,
    FakeBatch,
    FakeBatchNodes,
    FakeCluster,
    FakeCommands,
    FakeCompute,
    FakeJob,
    FakeMachine,
    FakeMachineLearning,
    FakeMetrics,
    FakePool,
    FakePoolNode,
    FakeReplacement,
    FakeResources,
    FakeSharedPools,
    FakeTask,
)
from tests.fakes.estate import FakeEstate
from tests.fakes.extensions import FakeExtensions
from tests.fakes.ledger import FakeClock
from tests.fakes.leftovers import FakeLeftovers
from tests.fakes.online_endpoints import FakeOnlineEndpoints
from tests.fakes.patching import FakePatching
from tests.fakes.snapshots import FakeSnapshots
from tests.fakes.vm_care import FakeVmCare


def compute() -> FakeCompute:
    """Two VMs, one of them with disks; two instances of a scale set."""
    world = FakeCompute()
    disks = (
        ManagedDisk(w.OS_DISK, w.REGION, "os"),
        ManagedDisk(w.DATA_DISK, w.REGION, "data"),
    )
    dev = Resource(w.DEV, VM, "dev-1", w.REGION, w.TAGS, w.SIZE)
    off = Resource(w.OFF, VM, "off-1", w.REGION, w.TAGS, w.GPU_SIZE)
    world.add(FakeMachine(dev, disks=disks))
    world.add(FakeMachine(off, power="deallocated"))
    world.add(FakeMachine(_instance(w.INSTANCE)))
    for vm in (w.SPOT_VM, w.SPOT_INSTANCE):
        pool = {"pool": w.SPOT_SET, "pool_size": 1} if vm == w.SPOT_INSTANCE else {}
        kind, name = (SCALE_SET_VM, "4") if pool else (VM, "spot-1")
        found = Resource(vm, kind, name, w.REGION, w.TAGS, w.SIZE, **pool)
        world.add(FakeMachine(found, power="deallocated", priority="spot"))
    return world


def batch_nodes() -> FakeBatchNodes:
    """A pool with a busy and two broken nodes, and another with one."""
    world = FakeBatchNodes()
    busy = FakePoolNode("busy", vm=w.BATCH_VM, state="running", tasks=1)
    stuck = FakePoolNode("stuck", state="starttaskfailed", refuses=True)
    world.add(w.ACCOUNT, "gpu", busy, FakePoolNode("broken", state="unusable"), stuck)
    world.add(w.ACCOUNT, "other", FakePoolNode("broken-too", state="unusable"))
    return world


def commands() -> FakeCommands:
    """A VM with two files: one that saves, one that fails."""
    world = FakeCommands()
    world.add(w.DEV, w.SAVES, "saved step 41", 0)
    world.add(w.DEV, w.FAILS, "disk full", 3)
    world.add(w.INSTANCE, w.SAVES)
    return world


def extensions(cluster: FakeCluster) -> FakeExtensions:
    """The extension on AKS, whose gateway does not start; an Arc cluster without one."""
    world = FakeExtensions(cluster=cluster)
    for one in clusters():
        world.add_cluster(one)
    world.add(w.EXTENSION, "Failed", w.ML_SETTINGS)
    cluster.running[w.CLUSTER.casefold()] = (w.GATEWAY,)
    return world


def shared_pools() -> FakeSharedPools:
    """An instance that is off, in rotation and unprotected."""
    world = FakeSharedPools()
    found = Resource(w.SPOT_INSTANCE, SCALE_SET_VM, "4", w.REGION, w.TAGS, w.SIZE)
    world.add(replace(found, pool=w.SPOT_SET, pool_size=1), power="deallocated")
    return world


def replacement(compute: FakeCompute) -> FakeReplacement:
    """A spot scale set, and a pool of AKS."""
    world = FakeReplacement(compute=compute)
    science = Resource(w.SPOT_SET, SCALE_SET, "science", w.REGION, w.TAGS, w.SIZE)
    world.add(FakePool(science, capacity=1))
    return world


def resources() -> FakeResources:
    """What the contract reads by id."""
    world = FakeResources()
    world.add(Resource(w.DEV, VM, "dev-1", w.REGION, w.TAGS, w.SIZE))
    world.add(_instance(w.INSTANCE))
    _lock_vault(world)
    world.add(
        Resource(w.BUSY_CI, ML_COMPUTE, "ci-busy", w.REGION, w.TAGS, w.GPU_SIZE, w.WORKSPACE)
    )
    return world


def _lock_vault(world: FakeResources) -> None:
    mild = LockLevel.CAN_NOT_DELETE
    subscription = w.VAULT.partition("/resourceGroups")[0]
    for name, level, scope in (
        ("month-end", LockLevel.READ_ONLY, w.LOCKED_DISK),
        ("keep", mild, w.LOCKED_DISK),
        ("vault", mild, w.VAULT),
        ("all", mild, subscription),
    ):
        world.locked.append(Lock(name, level, scope, "ask Ada"))


def _instance(vm: str) -> Resource:
    tags = {"Workload": "inference", "team": "vision"}
    place = {"pool": w.SCALE_SET, "pool_size": 2, "zone": "2", "created_at": w.LONG_AGO}
    return Resource(vm, SCALE_SET_VM, "29", w.REGION, tags, w.GPU_SIZE, **place)


def learning() -> FakeMachineLearning:
    """A running and a stopped compute instance."""
    world = FakeMachineLearning()
    for compute_id, power in ((w.BUSY_CI, "running"), (w.STOPPED_CI, "deallocated")):
        name = compute_id.rpartition("/")[2]
        found = Resource(
            compute_id, ML_COMPUTE, name, w.REGION, w.TAGS, w.GPU_SIZE, w.WORKSPACE
        )
        world.add(FakeMachine(found, power=power))
    spot = Resource(
        w.SPOT_CLUSTER, ML_COMPUTE, "spot", w.REGION, w.TAGS, w.GPU_SIZE, w.WORKSPACE, 0
    )
    world.add_cluster(
        MlCluster(
            spot,
            is_low_priority=True,
            least=1,
            most=4,
            nodes={"preempted": 1},
            idle_before_scale_down=timedelta(minutes=10),
            state="steady",
        )
    )
    owl = MlJob(
        name="owl",
        kind="command",
        status="Canceled",
        compute=w.SPOT_CLUSTER,
        experiment="llm",
        tags={"nightshift-resumable": "true"},
        error=f"UserError: {w.TAKEN_WORDS}",
        ended_at=w.RECENT,
    )
    world.add_job(w.WORKSPACE, owl)
    return world


def estate() -> FakeEstate:
    """The same documents, by the paths they are listed at."""
    world = FakeEstate()
    disks = [one for one in arm_documents() if "/disks/" in one["id"]]
    own = [one for one in disks if w.SUBSCRIPTION in one["id"]]
    world.tell(f"/subscriptions/{w.SUBSCRIPTION}/providers/Microsoft.Compute/disks", *own)
    world.tell(w.DEV, *(one for one in arm_documents() if one["id"] == w.DEV))
    world.rows[w.SUBSCRIPTION] = [one for one in arm_documents() if one["id"] in w.NOTICES]
    return world


def vm_care(compute: FakeCompute) -> FakeVmCare:
    """One VM that does not answer until it is restarted; only it has a console."""
    world = FakeVmCare(compute=compute)
    world.unwell[w.DEV.casefold()] = w.SILENT["_unwell"]
    world.agents[w.DEV.casefold()] = "not ready"
    world.consoles[w.DEV.casefold()] = w.SILENT["_console"]
    return world


def leftovers() -> FakeLeftovers:
    """A disk that a machine has, and one that none has."""
    world = FakeLeftovers()
    for one in arm_documents():
        if one["id"] in {w.OS_DISK, w.LOOSE_DISK}:
            world.add(one)
    return world


def online_endpoints() -> FakeOnlineEndpoints:
    """An endpoint whose new deployment has a tenth of the traffic."""
    world = FakeOnlineEndpoints()
    resource = Resource(
        w.ENDPOINT, ML_ENDPOINT, "score", w.REGION, {**w.TAGS, **w.GOOD}, pool=w.WORKSPACE
    )
    both = tuple(Deployment(name, "succeeded", 2, w.SIZE) for name in ("blue", "green"))
    routing = Routing({"blue": 90, "green": 10})
    facts = EndpointFacts(resource, w.ENDPOINT, "succeeded", routing, both, {"blue": 100})
    world.add(facts)
    world.answered["green"] = Figures(50.0, 5.0, 120.0)
    return world


def patching() -> FakePatching:
    """A machine that runs, one that is off, and an Arc server; each lacks one update."""
    world = FakePatching(clock=FakeClock(datetime(2030, 1, 1, tzinfo=UTC)))
    for one in arm_documents():
        if one["id"] in {w.DEV, w.OFF, w.ARC_SERVER}:
            resource = resource_from_arm(one, one["id"])
            world.add(PatchFacts(resource, is_on=one["id"] != w.OFF), lacking=1)
    return world


def snapshots(compute: FakeCompute) -> FakeSnapshots:
    """A disk that a machine has; it was saved twice, each time to a date that has passed."""
    world = FakeSnapshots(compute=compute)
    for one in arm_documents():
        if one["id"] == w.OS_DISK:
            world.add(one)
    world.machine_tags[w.OS_DISK.casefold()] = w.TAGS
    world.told += [read_snapshot(one) for one in old_snapshots()]
    return world


def metrics() -> FakeMetrics:
    """A quiet VM and a busy compute instance."""
    world = FakeMetrics()
    window, points = timedelta(minutes=30), 6
    world.tell(w.DEV, Utilisation(window, 0.02, None, 30.0, points, points))
    world.tell_points(w.DEV, "Percentage CPU", 2.0, 2.0)
    world.tell(w.BUSY_CI, Utilisation(window, 0.4, 0.9, None, points, points))
    world.tell_points(w.BUSY_CI, "DiskAvailMegabytes", 30_000.0)
    return world


def batch() -> FakeBatch:
    """Two jobs, one of them ending."""
    world = FakeBatch()
    failed = FakeTask("failed", 7, "usererror", w.RECENT)
    tasks = [
        failed,
        FakeTask("fine", 0, "", w.RECENT),
        FakeTask("going", state="running"),
        FakeTask("old", 1, "usererror", w.LONG_AGO),
    ]
    world.add(w.ACCOUNT, FakeJob("train", {task.id: task for task in tasks}))
    ending = FakeTask("failed", 9, "usererror", w.RECENT)
    world.add(w.ACCOUNT, FakeJob("ending", {"failed": ending}, state="terminating"))
    return world


def cluster() -> FakeCluster:
    """Two nodes, of which one carries a pod of every kind."""
    world = FakeCluster()
    node = world.add(w.INSTANCE, _node(w.NODE, w.INSTANCE))
    other = world.add(w.NAMESAKE, _node(w.NAMESAKE_NODE, w.NAMESAKE))
    held = _node(f"{w.SET_NAME}000007", w.HELD)
    held = world.add(w.HELD, replace(held, is_unschedulable=True))
    drained = _node(f"{w.SET_NAME}000008", w.AUTO_DRAINED)
    world.add(w.AUTO_DRAINED, replace(drained, taints=w.THEIRS))
    world.unproven.add(w.UNPROVEN.casefold())
    world.add(w.ODD, _node("gpu-by-hand", w.ODD))
    world.run(_pod("web-0"), node)
    world.run(_pod("guarded-0"), node, blocks=FOREVER)
    world.run(_pod("agent-0", "DaemonSet"), node)
    world.run(_pod("orphan-0", "DaemonSet", is_orphaned_daemon=True), node)
    world.run(_pod("static-0", is_mirror=True), node)
    world.run(_pod("scratch-0", has_local_storage=True), node)
    world.run(_pod("other-0"), other)
    gang = Gang("job_set", "default", "llm", "jobset.sigs.k8s.io/jobset-name=llm")
    member = replace(_pod("llm-0", "Job"), gang=gang)
    world.run(member, other)
    asking = replace(_pod("llm-1", "Job"), gang=gang, asks=BY_RULE)
    world.run(replace(asking, checkpointed="2030-01-01T03:00:00Z"), held)
    return world


def _node(name: str, vm: str) -> AksNode:
    return AksNode(name, w.CLUSTER, f"azure://{vm}", is_unschedulable=False, is_ready=True)


def _pod(name: str, controller: str = "ReplicaSet", **marks: bool) -> Pod:
    grace = timedelta(seconds=20)
    return Pod("default", name, f"uid-{name}", controller, grace=grace, **marks)
