"""Azure ML computes and jobs, held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

from shared.core.errors import InvalidTarget
from shared.core.facts import MachineFacts
from shared.core.ml_jobs import MlCluster, MlJob
from shared.core.resource_ids import ResourceId
from tests.fakes.compute import FakeMachine
from tests.fakes.effects import Trapped

RUNS = ("Queued", "Running")


@dataclass(kw_only=True)
class FakeMachineLearning(Trapped):
    """Computes and jobs of Azure ML workspaces; ``stop_looks`` as in ``FakeCompute``.

    Attributes:
        jobs: By ARM id, folded.
        ends: How a job ends that was submitted to this; empty for one that never does.
        run_looks: How many looks a submitted job takes to end, after one that is queued.
    """

    computes: dict[str, FakeMachine] = field(default_factory=dict)
    clusters: dict[str, MlCluster] = field(default_factory=dict)
    jobs: dict[str, MlJob] = field(default_factory=dict)
    stop_looks: int = 1
    ends: str = "Completed"
    run_looks: int = 1
    _looks: dict[str, int] = field(default_factory=dict)

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
        found = self.computes.get(compute.casefold())
        if found is None:
            raise InvalidTarget(f"there is no compute instance {compute}")
        if found.power != "deallocated" and found.looks_left is None:
            found.power, found.looks_left = "deallocating", self.stop_looks
        self.happened("stop", compute)

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
