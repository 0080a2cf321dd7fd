"""A Slurm and the people around it: the same story on a real one and on the fake.

The real one's people use ``sbatch`` and ``scontrol`` inside the lab; what became of it is
read back from slurmctld. Moments of the real one take seconds, so tests wait by looking.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.slurm.configuration import NODES
from sandbox.slurm.lab import Lab, LabFailed
from shared.adapters.slurm import SlurmClusters
from shared.core.settings import Settings
from shared.core.slurm import SlurmNode
from shared.core.slurm_clusters import SlurmCluster
from tests.fakes.slurm import CLUSTER, FakeSlurm

PATIENCE_S = 60.0
LOOPING = "#!/bin/bash\nwhile :; do sleep 0.2; done\n"
GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/hpc"


def vm(name: str) -> str:
    """Name the machine of a node."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"


def saving(signal: str = "USR1", *, tells: bool = False) -> str:
    """Write a batch script that saves when it is told to, and goes on."""
    told = "scontrol update jobid=$SLURM_JOB_ID comment="
    mark = f'"nightshift-checkpoint={signal} nightshift-checkpointed=$(date +%s)"'
    more = f"{told}{mark}; " if tells else ""
    save = f"echo saved >>/jobs/saved-$SLURM_JOB_ID; {more}"
    return f"#!/bin/bash\ntrap '{save}' {signal}\nwhile :; do sleep 0.2; done\n"


class Arm:
    """Machines as the resource manager has them, by folded path."""

    def __init__(self) -> None:
        """Know of none."""
        self.documents: dict[str, dict[str, Any]] = {}

    def add(self, name: str, *, computer: str = "", tags: dict[str, str] | None = None) -> str:
        """Put a machine into Azure; return its id."""
        profile = {"osProfile": {"computerName": computer or name}}
        document = {"name": name, "tags": tags or {}, "properties": profile}
        self.documents[vm(name).casefold()] = document
        return vm(name)

    async def get(self, path: str, **_: Any) -> dict[str, Any] | None:
        """Read a document."""
        return self.documents.get(path.casefold())

    async def pages(self, path: str, **_: Any):
        """Yield what a list has."""
        for one in self.documents.get(path.casefold(), {}).get("value", ()):
            yield one


def clusters_of(lab: Lab, arm: Any = None, **changes: Any) -> SlurmClusters:
    """Make our adapter for a lab; ``user`` and ``key`` may be others."""
    key = changes.pop("key", lab.key)
    known = SlurmCluster(**{"name": CLUSTER, "url": lab.url, **changes})
    settings = Settings(slurm=(known,), slurm_key=base64.b64encode(key).decode())
    return SlurmClusters(arm or Arm(), settings)


class RealSite:
    """A lab, and the adapter under test."""

    def __init__(self, lab: Lab) -> None:
        """Take a lab as it is."""
        self.lab, self.arm = lab, Arm()
        self.slurm = clusters_of(lab, self.arm)

    def add_machine(self, name: str) -> str:
        """Let a node have a machine in Azure."""
        return self.arm.add(name)

    def submit(
        self,
        on: str,
        *,
        script: str = LOOPING,
        requeue: bool = True,
        comment: str = "",
        nodes: int = 1,
    ) -> int:
        """Submit a job that begins on a node, and may go on anywhere; return its id."""
        (self.lab.jobs / "job.sh").write_text(script)
        others = [name for name in NODES if name not in on.split(",")]
        self._close(others, "DRAIN")
        try:
            said = self.lab.run(
                *("setpriv", "--reuid", "alice", "--regid", "alice", "--clear-groups"),
                *("sbatch", "--parsable", "--chdir=/jobs", f"--nodes={nodes}", "--ntasks=1"),
                *(f"--ntasks={nodes}", "--requeue" if requeue else "--no-requeue"),
                *(f"--comment={comment}", "/jobs/job.sh"),
            )
            number = int(said.strip())
            self._until(lambda: "RUNNING" in self.show("job", str(number)), "it runs")
            self._until((self.lab.jobs / f"slurm-{number}.out").exists, "a script")
            time.sleep(0.3)  # until its trap stands
        finally:
            self._close(others, "RESUME")
        return number

    def _close(self, names: list[str], state: str) -> None:
        for name in names:
            self.lab.run(
                "scontrol", "update", f"nodename={name}", f"state={state}", "reason=test"
            )

    def operator(self, name: str, reason: str) -> None:
        """Let a person drain a node."""
        update = ("scontrol", "update", f"nodename={name}", "state=drain", f"reason={reason}")
        self.lab.run(*update)

    def operator_resumes(self, name: str) -> None:
        """Let a person put a node back to work."""
        self.lab.run("scontrol", "update", f"nodename={name}", "state=resume")

    def show(self, kind: str, name: str) -> str:
        """Ask slurmctld itself."""
        return self.lab.run("scontrol", "show", kind, name)

    def signals_of(self, number: int) -> list[str]:
        """Return what a job did when it was told to save, a word each."""
        saved = self.lab.jobs / f"saved-{number}"
        return saved.read_text().split() if saved.exists() else []

    def reset(self) -> None:
        """Put everything back for the next test."""
        self.lab.run("sh", "-c", "scancel --signal=KILL --full -u alice; scancel -u alice")
        self._until(lambda: not self.lab.run("squeue", "-h"), "no job")
        for name in NODES:
            self.lab.run("sh", "-c", f"scontrol update nodename={name} state=resume; true")
            self.lab.run("scontrol", "update", f"nodename={name}", "comment=")
        idle = ("sinfo", "-h", "-N", "-t", "idle", "-o", "%N")
        self._until(lambda: len(self.lab.run(*idle).split()) == len(NODES), "idle nodes")

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                if is_so():
                    return
            except LabFailed:
                pass
            time.sleep(0.1)
        raise AssertionError(f"waited {PATIENCE_S} s for {what}: {self.lab.run('squeue')}")


class FakeSite:
    """The fake, with nodes of the same names."""

    def __init__(self) -> None:
        """Begin with three idle nodes."""
        self.slurm = FakeSlurm()
        for name in NODES:
            self.slurm.add(name)

    def add_machine(self, name: str) -> str:
        """Let a node have a machine in Azure."""
        self.slurm.machines[vm(name).casefold()] = (CLUSTER, name)
        return vm(name)

    def submit(
        self,
        on: str,
        *,
        script: str = LOOPING,
        requeue: bool = True,
        comment: str = "",
        nodes: int = 1,
    ) -> int:
        """Let a job run on a node."""
        from shared.core.slurm import asked

        says = "saved" if "checkpointed" in script else ""
        return self.slurm.run(
            *on.split(","), is_requeueable=requeue, asks=asked(comment), says=says
        )

    def operator(self, name: str, reason: str) -> None:
        """Let a person drain a node."""
        self.slurm.operator(name, reason)

    def operator_resumes(self, name: str) -> None:
        """Let a person put a node back to work."""
        self.slurm.operator_resumes(name)

    def signals_of(self, number: int) -> list[str]:
        """Return what a job did when it was told to save, a word each."""
        return ["saved"] * len(self.slurm.jobs_by_id[number].signals)

    def reset(self) -> None:
        """Nothing is shared."""


Site = RealSite | FakeSite


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Look until there is something, and return it."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited {PATIENCE_S} s for {what}")


async def node_of(site: Site, name: str) -> SlurmNode:
    """Read a node that is there."""
    found = await site.slurm.node(CLUSTER, name)
    assert found is not None, name
    return found
