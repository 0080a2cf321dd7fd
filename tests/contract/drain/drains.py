"""One cluster drained twice: by the real kubectl, and by our engine with its real adapters.

Both work on the Azure stand-in, each on a cluster of its own that is the other's twin. The
engine's ledger and queue are in memory; time is the machine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.adapters.clock import SystemClock
from shared.core.plans import Plan
from shared.core.signals import Signal
from shared.engine import events
from shared.engine.night import Night
from shared.ports import Cluster, Resources
from shared.rules.book import Rule
from tests.builders import a_reboot, a_rule, started
from tests.contract.azure_standin.running import Standin
from tests.contract.drain.generated import Case, Manifest
from tests.shift import World, a_night, a_world

SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
_ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
_CLUSTERS = f"{_ROOT}/lab/providers/Microsoft.ContainerService/managedClusters"
_NAMED = re.compile(r"[a-z]+/p\d+\b")
_POLL_S = 0.05
OURS, THEIRS = "ours", "kubectl"


def cluster_name(case: Case, whose: str) -> str:
    """Name one of the two clusters of a case."""
    return f"{whose}-{case.seed}"


def machine(case: Case) -> str:
    """Name the machine that our node runs on."""
    scale_set = f"Microsoft.Compute/virtualMachineScaleSets/aks-pool-{case.seed}-vmss"
    return f"{_ROOT}/mc-{case.seed}/providers/{scale_set}/virtualMachines/0"


def document(cases: Iterable[Case]) -> dict[str, Any]:
    """Write the world in which every case has its two clusters."""
    resources: list[Manifest] = []
    clusters: dict[str, Any] = {}
    for case in cases:
        vm = machine(case)
        for whose in (OURS, THEIRS):
            name = f"{_CLUSTERS}/{cluster_name(case, whose)}"
            group = f"mc-{case.seed}" if whose == OURS else f"mc-{case.seed}-{whose}"
            resources.append(
                {"id": name, "location": "x", "properties": {"nodeResourceGroup": group}}
            )
            clusters[name] = {"objects": [_with_provider(one, case) for one in case.objects]}
        mode = {"orchestrationMode": "Uniform"}
        resources += [
            {"id": known, "location": "x", "properties": mode}
            for known in (vm.rpartition("/virtualMachines/")[0], vm)
        ]
    return {"resources": resources, "kubernetes": clusters}


def _with_provider(manifest: Manifest, case: Case) -> Manifest:
    if manifest["kind"] != "Node" or manifest["metadata"]["name"] != case.node:
        return manifest
    return {**manifest, "spec": {"providerID": f"azure://{machine(case)}"}}


@dataclass(frozen=True)
class Drained:
    """What became of the pods of a node.

    Attributes:
        evicted: Gone, or on their way since the drain.
        refused: Asked to leave, and not allowed to.
        left: Nobody asked.
        leaving: They were leaving before.
        stopped_by: Pods for whose sake nothing was begun.
        is_done: The drain says that it is through.
        words: What it says besides, for who looks at a difference.
    """

    evicted: frozenset[str]
    refused: frozenset[str]
    left: frozenset[str]
    leaving: frozenset[str]
    stopped_by: frozenset[str]
    is_done: bool
    words: str = field(default="", compare=False)

    def by_group(self, groups: dict[str, str]) -> Drained:
        """Count the pods of one budget instead of naming them: they are equals."""
        return replace(
            self,
            evicted=_counted(self.evicted, groups),
            refused=_counted(self.refused, groups),
            left=_counted(self.left, groups),
        )


def _counted(names: frozenset[str], groups: dict[str, str]) -> frozenset[str]:
    single = {name for name in names if name not in groups}
    found = sorted(groups[name] for name in names if name in groups)
    return frozenset(single | {f"{found.count(g)} of {g}" for g in set(found)})


async def by_kubectl(case: Case, standin: Standin, kubectl: str, home: Path) -> Drained:
    """Drain with the real kubectl."""
    flags = ["--ignore-daemonsets", f"--timeout={int(case.patience.total_seconds())}s"]
    flags += ["--force"] if case.force else []
    flags += ["--delete-emptydir-data"] if case.delete_emptydir_data else []
    name = cluster_name(case, THEIRS)
    process = await asyncio.create_subprocess_exec(
        kubectl,
        *("--kubeconfig", standin.kubeconfig, "--context", name, "drain", case.node, *flags),
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    stopped = frozenset[str]()
    wrong = [line for line in told.decode().splitlines() if "unable to drain node" in line]
    if "continuing command" in " ".join(wrong) and "error when" not in " ".join(wrong):
        stopped = frozenset(one.partition("/")[2] for one in _NAMED.findall(" ".join(wrong)))
    seen = await _seen(case, standin, THEIRS, stopped, is_done=process.returncode == 0)
    return replace(seen, words=told.decode()[-2_000:])


async def by_us(
    case: Case, standin: Standin, cluster: Cluster, resources: Resources
) -> Drained:
    """Drain with our engine, from the notice to the closed plan."""
    rule = a_rule(
        name=f"drain-{case.seed}",
        force=case.force,
        delete_emptydir_data=case.delete_emptydir_data,
    )
    signal = started(
        a_reboot(
            event_id=f"e-{case.seed}", target=machine(case), observed_at=SystemClock().now()
        )
    )
    plan = await carried_out(rule, signal, cluster, resources, patience=case.patience)
    drain = plan.steps[1]
    stopped = frozenset(
        name.partition("/")[2] for name in (drain.detail or {}).get("refused", ())
    )
    is_good = drain.outcome is not None and drain.outcome.is_good
    seen = await _seen(case, standin, OURS, stopped, is_done=is_good)
    return replace(
        seen, words=f"{drain.outcome} {drain.reason} {drain.detail} {drain.progress}"
    )


async def carried_out(
    rule: Rule, signal: Signal, cluster: Cluster, resources: Resources, *, patience: timedelta
) -> Plan:
    """Deliver a notice, and play the host until its plan is closed or patience ends.

    Patience is counted from the drain's beginning, as kubectl counts its own.
    """
    world, night = live_night(rule, cluster, resources)
    await events.hear(night, [signal], budget=timedelta(seconds=20))
    [plan] = world.ledger.every_plan()
    while plan.is_open and not _is_spent(plan, patience):
        for message in world.queue.take():
            await events.wake(night, message)
        await asyncio.sleep(_POLL_S)
        [plan] = world.ledger.every_plan()
    return plan


def _is_spent(plan: Plan, patience: timedelta) -> bool:
    drain = plan.steps[1]
    begun = drain.started_at if drain.progress else None
    return begun is not None and SystemClock().now() >= begun + patience


def live_night(rule: Rule, cluster: Cluster, resources: Resources) -> tuple[World, Night]:
    """Make an engine whose cluster is real and whose time passes by itself."""
    clock: Any = SystemClock()
    world = a_world(clock.now(), lambda _: None)
    world.ledger.clock = world.queue.clock = clock
    night = a_night(world, rule)
    ports = replace(night.ports, clock=clock, cluster=cluster, resources=resources)
    return world, replace(night, ports=ports)


async def _seen(
    case: Case, standin: Standin, whose: str, stopped: frozenset[str], *, is_done: bool
) -> Drained:
    """Look what became of each pod, in the cluster and in the log of its calls."""
    mount = f"/kubernetes/{cluster_name(case, whose)}"
    now = {
        pod["metadata"]["uid"]: pod
        for pod in await asyncio.to_thread(_pods, standin, mount, case.node)
    }
    calls = await asyncio.to_thread(standin.calls, containing=f"POST {mount}/")
    asked = {call["path"].split("?")[0].split("/")[-2] for call in calls}
    found: dict[str, set[str]] = {k: set() for k in ("evicted", "refused", "left", "leaving")}
    for pod in case.objects:
        metadata = pod["metadata"]
        if pod["kind"] != "Pod" or pod["spec"]["nodeName"] != case.node:
            continue
        kept = now.get(metadata["uid"])
        is_gone = kept is None or "deletionTimestamp" in kept["metadata"]
        if "deletionTimestamp" in metadata:
            what = "leaving"
        elif is_gone:
            what = "evicted"
        else:
            what = "refused" if metadata["name"] in asked else "left"
        found[what].add(metadata["name"])
    return Drained(
        evicted=frozenset(found["evicted"]),
        refused=frozenset(found["refused"]),
        left=frozenset(found["left"]),
        leaving=frozenset(found["leaving"]),
        stopped_by=stopped,
        is_done=is_done,
    )


def _pods(standin: Standin, mount: str, node: str) -> list[Manifest]:
    config = Path(standin.kubeconfig).read_text()
    token = re.search(r"token: (\S+)", config)
    assert token is not None
    _, body, _ = standin.request(
        "GET",
        f"{mount}/api/v1/pods?fieldSelector=spec.nodeName={node}",
        headers={"Authorization": f"Bearer {token[1]}"},
    )
    return list(json.loads(json.dumps(body))["items"])
