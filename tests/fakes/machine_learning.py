"""Azure ML computes and jobs, held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.facts import MachineFacts, Resource
from shared.core.ml_clusters import MlCluster
from shared.core.ml_instances import MlInstance, instance_of
from shared.core.ml_jobs import MlJob
from shared.core.resource_ids import ResourceId
from tests.fakes.compute import FakeMachine
from tests.fakes.effects import Trapped

RUNS = ("Queued", "Running")
STATES = {"deallocated": "stopped", "deallocating": "stopping"}
BEGINNING = datetime(2029, 12, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class FakeMachineLearning(Trapped):
    """Computes and jobs of Azure ML workspaces; ``stop_looks`` as in ``FakeCompute``.

    Attributes:
        jobs: By ARM id, folded.
        settings: What an instance is set to, by ARM id, folded.
        ends: How a job ends that was submitted to this; empty for one that never does.
        run_looks: How many looks a submitted job takes to end, after one that is queued.
    """

    computes: dict[str, FakeMachine] = field(default_factory=dict)
    clusters: dict[str, MlCluster] = field(default_factory=dict)
    jobs: dict[str, MlJob] = field(default_factory=dict)
    settings: dict[str, MlInstance] = field(default_factory=dict)
    stop_looks: int = 1
    ends: str = "Completed"
    run_looks: int = 1
    _looks: dict[str, int] = field(default_factory=dict)
    _moving: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def add(self, machine: FakeMachine) -> FakeMachine:
        """Put a compute instance into the world."""
        self.computes[machine.resource.id.casefold()] = machine
        return machine

    def add_cluster(self, cluster: MlCluster) -> MlCluster:
        """Put a compute cluster into the world."""
        self.clusters[cluster.resource.id.casefold()] = cluster
        return cluster

    def add_job(self, workspace: str, job: MlJob) -> str:
        """Put a job into the world; return its id."""
        name = f"{workspace}/jobs/{job.name}"
        self.jobs[name.casefold()] = job
        return name

    async def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield the instances of a workspace."""
        self.reading("instances")
        for machine in list(self.computes.values()):
            parent = ResourceId.parse(machine.resource.id).parent
            if parent.casefold() == workspace.rstrip("/").casefold():
                machine.look()
                yield machine.facts

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one instance."""
        self.reading("instance")
        found = self.computes.get(compute.casefold())
        if found is None:
            return None
        found.look()
        return found.facts

    async def stop(self, compute: str) -> None:
        """Begin a stop; one that is going on or has ended is accepted again."""
        self.before("stop")
        found = self._instance(compute)
        if found.power != "deallocated" and found.looks_left is None:
            found.power, found.looks_left = "deallocating", self.stop_looks
            self._note(compute, "stop")
        self.happened("stop", compute)

    async def start(self, compute: str) -> None:
        """Begin a start."""
        self.before("start")
        self._instance(compute)
        self._move(compute, "starting", "running")
        self._note(compute, "start")
        self.happened("start", compute)

    async def restart(self, compute: str) -> None:
        """Begin a restart."""
        self.before("restart")
        self._instance(compute)
        self._move(compute, "restarting", "running")
        self._note(compute, "restart")
        self.happened("restart", compute)

    async def delete(self, compute: str) -> None:
        """Begin to delete a compute; it is gone after a look."""
        self.before("delete")
        if compute.casefold() in self.computes:
            self._move(compute, "deleting", "")
        self.happened("delete", compute)

    async def compute_instance(self, compute: str) -> tuple[Resource, MlInstance] | None:
        """Read one instance with its settings; power operations get on by being looked at."""
        self.reading("compute_instance")
        key = compute.casefold()
        during, after, looks = self._moving.get(key, ("", "", 0))
        if looks > 1:
            self._moving.pop(key)
            if not after:
                self.computes.pop(key, None)
                return None
            self.computes[key].power = after
        elif during:
            self._moving[key] = (during, after, looks + 1)
        found = self.computes.get(key)
        if found is None:
            return None
        found.look()
        state = (
            during if key in self._moving else STATES.get(str(found.power), str(found.power))
        )
        settings = self.settings.get(key, MlInstance("running"))
        return found.resource, replace(settings, state=state)

    async def active_jobs(self, compute: str) -> tuple[str, ...]:
        """Name the jobs on a compute."""
        self.reading("active_jobs")
        return tuple(
            job.name
            for job in self.jobs.values()
            if job.compute.casefold() == compute.casefold() and not job.has_ended
        )

    async def set_idle_shutdown(self, compute: str, idle: timedelta) -> None:
        """Set the idle time."""
        self.before("set_idle_shutdown")
        self._instance(compute)
        self._set(compute, idle_shutdown=idle)
        self.happened("set_idle_shutdown", compute)

    async def set_schedules(
        self, compute: str, schedules: Sequence[Mapping[str, Any]]
    ) -> None:
        """Replace the schedules."""
        self.before("set_schedules")
        self._instance(compute)
        inner = {"schedules": {"computeStartStop": list(schedules)}}
        read = instance_of({"properties": {"properties": inner}})
        self._set(compute, schedules=read.schedules)
        self.happened("set_schedules", compute)

    async def tag(self, compute: str, tags: Mapping[str, str]) -> None:
        """Add tags."""
        self.before("tag")
        found = self._instance(compute)
        found.resource = replace(found.resource, tags={**found.resource.tags, **tags})
        self.happened("tag", compute)

    async def scale(self, compute: str, *, least: int, most: int, idle: timedelta) -> None:
        """Set a cluster's bounds; idle nodes beyond the least go at once."""
        self.before("scale")
        found = self.clusters.get(compute.casefold())
        if found is None:
            raise InvalidTarget(f"there is no cluster {compute}")
        nodes = dict(found.nodes or {})
        others = sum(
            count for state, count in nodes.items() if state in {"running", "preparing"}
        )
        nodes["idle"] = min(nodes.get("idle", 0), max(least - others, 0))
        self.clusters[compute.casefold()] = replace(
            found, least=least, most=most, idle_before_scale_down=idle, nodes=nodes
        )
        self.happened("scale", compute)

    def _instance(self, compute: str) -> FakeMachine:
        found = self.computes.get(compute.casefold())
        if found is None:
            raise InvalidTarget(f"there is no compute instance {compute}")
        return found

    def _move(self, compute: str, during: str, after: str) -> None:
        self._moving[compute.casefold()] = (during, after, 0)

    def _set(self, compute: str, **fields: Any) -> None:
        known = self.settings.get(compute.casefold(), MlInstance("running"))
        self.settings[compute.casefold()] = replace(known, **fields)

    def _note(self, compute: str, operation: str) -> None:
        """Write down the last operation, a second after the one before."""
        known = self.settings.get(compute.casefold(), MlInstance("running"))
        before = known.last_operation_at or BEGINNING
        self._set(
            compute,
            last_operation=operation,
            last_operation_at=before + timedelta(seconds=1),
            last_operation_status="Succeeded",
        )

    async def cluster(self, compute: str) -> MlCluster | None:
        """Read one cluster."""
        self.reading("cluster")
        return self.clusters.get(compute.casefold())

    async def job(self, job: str) -> MlJob | None:
        """Read one job; one that was submitted here gets on by being looked at."""
        self.reading("job")
        key = job.casefold()
        if key in self._looks:
            self._looks[key] += 1
            seen = self._looks[key]
            ended = self.ends if self.ends and seen > self.run_looks + 1 else ""
            status = ended or RUNS[min(seen - 1, 1)]
            self.jobs[key] = replace(self.jobs[key], status=status)
        return self.jobs.get(key)

    async def submit_again(self, job: str, *, name: str, tags: Mapping[str, str]) -> None:
        """Submit a job once more, unless one of that name is there."""
        self.before("submit_again")
        found = self.jobs.get(job.casefold())
        if found is None:
            raise InvalidTarget(f"there is no job {job}")
        new = f"{job.rpartition('/')[0]}/{name}"
        if new.casefold() not in self.jobs:
            self.jobs[new.casefold()] = MlJob(
                name=name,
                kind=found.kind,
                status="NotStarted",
                compute=found.compute,
                experiment=found.experiment,
                tags=dict(tags),
            )
            self._looks[new.casefold()] = 0
            self.happened("submit_again", new)
