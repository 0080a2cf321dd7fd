"""A whole night over the fakes: this plays the host, the senders and the passing time.

Each delivery, each message and each tick is an invocation of its own, on an event loop
of its own. A crash ends the process: nothing of that invocation runs on, and the message
it held reappears later, as the host does it.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.core.errors import RetryLater
from shared.core.facts import AksNode
from shared.core.plans import Plan
from shared.core.pods import Pod
from shared.core.settings import Settings
from shared.core.signals import Signal, Unanswered
from shared.engine import consenting, events, export, idle, runbook, sweep
from shared.engine.night import Night, Ports
from shared.engine.request import Answer
from shared.ports import EventRecord
from shared.ports.upkeep import Upkeep
from shared.rules.book import Rule, RuleBook
from tests import builders as make
from tests.fakes import cloud
from tests.fakes.approvals import FakeApprovals
from tests.fakes.audit import FakeOutbox, FakeSink
from tests.fakes.controls import FakeControls
from tests.fakes.estate import FakeEstate, FakePrices, FakeReferences
from tests.fakes.extensions import FakeExtensions
from tests.fakes.ledger import (
    Crash,
    FakeClock,
    FakeLedger,
    FakeRecords,
    FakeWakeQueue,
    Waiting,
)
from tests.fakes.leftovers import FakeLeftovers
from tests.fakes.maintenance import FakeMaintenance
from tests.fakes.notices import FakeNotices
from tests.fakes.online_endpoints import FakeOnlineEndpoints
from tests.fakes.patching import FakePatching
from tests.fakes.restore_points import FakeRestorePoints
from tests.fakes.slurm import FakeSlurm
from tests.fakes.snapshots import FakeSnapshots
from tests.fakes.tallies import FakeTallies
from tests.fakes.upkeep import upkeep
from tests.fakes.vm_care import FakeVmCare
from tests.fakes.waves import FakeWaves

T = TypeVar("T")
Trap = Callable[[str], None]
BUDGET = timedelta(seconds=20)
REAPPEARS = timedelta(minutes=10)  # a message whose holder died
RETURNS = timedelta(seconds=30)  # a message whose function failed
SWEEPS = timedelta(minutes=1)


@dataclass
class World:
    """Everything outside the engine, each part with the same trap.

    Attributes:
        effects: Every effect on the cloud, in order.
    """

    clock: FakeClock
    ledger: FakeLedger
    queue: FakeWakeQueue
    records: FakeRecords
    resources: cloud.FakeResources
    compute: cloud.FakeCompute
    machine_learning: cloud.FakeMachineLearning
    metrics: cloud.FakeMetrics
    batch: cloud.FakeBatch
    cluster: cloud.FakeCluster
    controls: FakeControls
    maintenance: FakeMaintenance
    slurm: FakeSlurm
    outbox: FakeOutbox
    tallies: FakeTallies
    waves: FakeWaves
    approvals: FakeApprovals
    notices: FakeNotices
    replacement: cloud.FakeReplacement
    batch_nodes: cloud.FakeBatchNodes
    commands: cloud.FakeCommands
    shared_pools: cloud.FakeSharedPools
    vm_care: FakeVmCare
    estate: FakeEstate
    extensions: FakeExtensions
    leftovers: FakeLeftovers
    snapshots: FakeSnapshots
    restore_points: FakeRestorePoints
    online_endpoints: FakeOnlineEndpoints
    patching: FakePatching
    prices: FakePrices
    references: FakeReferences
    upkeep: Upkeep
    effects: list[tuple[str, str]]

    def picture(self) -> str:
        """Write the cloud down, so that two moments can be compared."""
        parts = (
            self.cluster.nodes,
            self.cluster.pods_by_uid,
            self.compute.machines_by_id,
            self.compute.snapshots,
            self.compute.operations,
            self.machine_learning.computes,
            self.batch.accounts,
            self.slurm.nodes,
            self.slurm.jobs_by_id,
            self.replacement.pools,
            self.batch_nodes.pools,
            self.commands.ran,
            self.shared_pools.instances,
            self.leftovers.documents,
            self.online_endpoints.endpoints,
            self.restore_points.collections,
            self.extensions.documents,
            self.snapshots.snapshots,
            self.effects,
        )
        return repr(copy.deepcopy(parts))


def a_world(now: datetime, trap: Trap) -> World:
    """Make an empty world."""
    clock = FakeClock(now)
    effects: list[tuple[str, str]] = []
    ledger = FakeLedger(clock, trap)
    cluster = cloud.FakeCluster(trap=trap, effects=effects)
    compute = cloud.FakeCompute(trap=trap, effects=effects, now=clock.now)
    return World(
        clock=clock,
        ledger=ledger,
        outbox=FakeOutbox(ledger, trap),
        queue=FakeWakeQueue(clock, trap),
        records=FakeRecords(trap),
        resources=cloud.FakeResources(trap=trap),
        compute=compute,
        machine_learning=cloud.FakeMachineLearning(trap=trap, effects=effects),
        metrics=cloud.FakeMetrics(trap=trap),
        batch=cloud.FakeBatch(trap=trap, effects=effects),
        cluster=cluster,
        controls=FakeControls(trap),
        maintenance=FakeMaintenance(trap=trap, effects=effects),
        slurm=FakeSlurm(trap=trap, effects=effects),
        tallies=FakeTallies(trap),
        waves=FakeWaves(trap),
        approvals=FakeApprovals(trap),
        notices=FakeNotices(trap),
        replacement=cloud.FakeReplacement(compute=compute, trap=trap, effects=effects),
        batch_nodes=cloud.FakeBatchNodes(trap=trap, effects=effects),
        commands=cloud.FakeCommands(trap=trap, effects=effects),
        shared_pools=cloud.FakeSharedPools(trap=trap, effects=effects),
        vm_care=FakeVmCare(compute=compute, trap=trap, effects=effects),
        estate=FakeEstate(trap=trap),
        extensions=FakeExtensions(cluster=cluster, trap=trap, effects=effects),
        leftovers=FakeLeftovers(trap=trap, effects=effects),
        snapshots=FakeSnapshots(compute=compute, trap=trap, effects=effects),
        restore_points=FakeRestorePoints(
            compute=compute, trap=trap, effects=effects, now=clock.now
        ),
        online_endpoints=FakeOnlineEndpoints(trap=trap, effects=effects),
        patching=FakePatching(clock=clock, trap=trap, effects=effects),
        prices=FakePrices(),
        references=FakeReferences(),
        upkeep=upkeep(trap),
        effects=effects,
    )


def a_night(world: World, *rules: Rule, settings: Settings | None = None) -> Night:
    """Make an engine over a world, with these rules in force."""
    ports = Ports(
        clock=world.clock,
        ledger=world.ledger,
        queue=world.queue,
        records=world.records,
        resources=world.resources,
        compute=world.compute,
        machine_learning=world.machine_learning,
        metrics=world.metrics,
        batch=world.batch,
        cluster=world.cluster,
        controls=world.controls,
        maintenance=world.maintenance,
        slurm=world.slurm,
        outbox=world.outbox,
        tallies=world.tallies,
        waves=world.waves,
        approvals=world.approvals,
        notices=world.notices,
        replacement=world.replacement,
        batch_nodes=world.batch_nodes,
        commands=world.commands,
        shared_pools=world.shared_pools,
        vm_care=world.vm_care,
        estate=world.estate,
        extensions=world.extensions,
        leftovers=world.leftovers,
        snapshots=world.snapshots,
        restore_points=world.restore_points,
        online_endpoints=world.online_endpoints,
        patching=world.patching,
        prices=world.prices,
        references=world.references,
        upkeep=world.upkeep,
    )
    return Night(ports, RuleBook(rules), make.REMEDIATIONS, settings or SETTINGS)


SETTINGS = Settings(subscriptions=(make.SUBSCRIPTION,), workspaces=(make.WORKSPACE,))


@dataclass
class Shift:
    """One night under way.

    Attributes:
        passed: Every trap point passed so far but reads, in order.
        die_at: Numbers in ``passed``, from 1, at which the process dies.
        hooks: Called with each trap point, reads too, before anything else.
    """

    night: Night
    world: World
    passed: list[str] = field(default_factory=list)
    die_at: set[int] = field(default_factory=set)
    hooks: list[Trap] = field(default_factory=list)
    is_dead: bool = False
    crashes: int = 0
    swept_at: datetime | None = None

    @classmethod
    def begin(
        cls, *rules: Rule, settings: Settings | None = None, now: datetime = make.NOW
    ) -> Shift:
        """Begin a night with an empty world and these rules."""
        cell: list[Shift] = []

        def trap(where: str) -> None:
            cell[0].pass_by(where)

        world = a_world(now, trap)
        cell.append(cls(a_night(world, *rules, settings=settings), world))
        return cell[0]

    def pass_by(self, where: str) -> None:
        """Stand at one point: die if the process is dead, or is to die here."""
        if self.is_dead:
            raise Crash(where)
        for hook in self.hooks:
            hook(where)
        if where.startswith("read "):
            return
        self.passed.append(where)
        if len(self.passed) in self.die_at:
            self.die(where)

    def die(self, where: str = "") -> None:
        """End the process here; every other task of it ends too."""
        self.is_dead = True
        self.crashes += 1
        raise Crash(where)

    @contextmanager
    def raising(self, where: str, error: BaseException, times: int = 1) -> Iterator[None]:
        """Let a trap point fail so many times."""
        left = [times]

        def hook(at: str) -> None:
            if at == where and left[0] > 0:
                left[0] -= 1
                raise error

        self.hooks.append(hook)
        try:
            yield
        finally:
            self.hooks.remove(hook)

    def invoke(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one invocation in a process that may die in it; then there is a new one."""
        try:
            return asyncio.run(work)
        finally:
            self.is_dead = False

    def deliver(
        self, *signals: Signal | Unanswered, budget: timedelta = BUDGET
    ) -> list[Answer]:
        """Send one event, as Event Grid does: the fast path, inside a budget."""
        return self.invoke(events.hear(self.night, signals, budget=budget))

    def send(self, *signals: Signal, budget: timedelta = BUDGET) -> bool:
        """Send one event; tell whether it was acknowledged rather than lost in a crash."""
        try:
            self.deliver(*signals, budget=budget)
        except (Crash, RetryLater):
            return False
        return True

    def run_book(self, remediation: str, target: str, **more: Any) -> Answer:
        """Start a runbook by hand."""
        given = {"given": {}, "is_dry_run": False, "request_id": "r-1", **more}
        return self.invoke(runbook.start(self.night, remediation, target=target, **given))

    def tick(self) -> idle.Tally:
        """Let the idle timer fire."""
        return self.invoke(idle.look_for_idle(self.night))

    def sweep(self) -> sweep.Swept:
        """Let the timer that resumes open plans fire."""
        self.swept_at = self.now

        async def both() -> sweep.Swept:
            swept = await sweep.resume(self.night)
            await consenting.sweep_approvals(self.night)
            return swept

        return self.invoke(both())

    def with_sinks(self, *sinks: FakeSink) -> None:
        """Configure whom the audit is told."""
        ports = replace(self.night.ports, sinks=sinks)
        self.night = replace(self.night, ports=ports)

    def export(self) -> export.Exported:
        """Let the timer that tells the audit fire."""
        return self.invoke(export.export(self.night))

    def poll(self) -> int:
        """Let the host hand out every message that is visible now."""
        due = self.world.queue.take()
        for message in due:
            self._hand_out(message)
        return len(due)

    def _hand_out(self, message: Mapping[str, Any]) -> None:
        try:
            self.invoke(events.wake(self.night, message))
        except Crash:
            self._later(message, REAPPEARS)
        except RetryLater:
            self._later(message, RETURNS)

    def _later(self, message: Mapping[str, Any], after: timedelta) -> None:
        self.world.queue.waiting.append(Waiting(message, self.now + after))

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.world.clock.now()

    def move(self, span: timedelta) -> None:
        """Let time pass, and nothing happen."""
        self.world.clock.move(span)

    def wait(self, span: timedelta) -> None:
        """Let time pass while the host does its work."""
        until = self.now + span
        while (next_at := self._next()) is not None and next_at <= until:
            self.world.clock.at = max(self.now, next_at)
            self._turn()
        self.world.clock.at = max(self.now, until)

    def run_until_quiet(self, limit: timedelta = timedelta(hours=6)) -> None:
        """Let the host work until no message waits, no plan is open and no yes is unused."""
        until = self.now + limit
        while self.world.queue.waiting or self._is_swept():
            next_at = self._next()
            assert next_at is not None, "something waits"
            assert next_at <= until, f"not quiet after {limit}: {self.world.queue.waiting}"
            self.world.clock.at = max(self.now, next_at)
            self._turn()

    def _is_swept(self) -> bool:
        """Tell whether the sweep has something to see to: a plan, or an answer given."""
        said = (one for one in self.world.approvals.every() if one.decided_at is not None)
        return bool(self.world.ledger.index) or any(not one.is_settled for one in said)

    def _next(self) -> datetime | None:
        """Tell when the host has work next: a message appears, or the sweep is due."""
        moments = [one.visible_at for one in self.world.queue.waiting]
        if self._is_swept():
            last = self.swept_at if self.swept_at is not None else self.now
            self.swept_at = last
            moments.append(max(last + SWEEPS, self.now))
        return min(moments, default=None)

    def _turn(self) -> None:
        if self.swept_at is not None and self.now >= self.swept_at + SWEEPS:
            try:
                self.sweep()
            except Crash:
                self.swept_at = self.now
        self.poll()

    # what tests look at

    @property
    def plans(self) -> list[Plan]:
        """Every plan, in the order in which they were opened."""
        return self.world.ledger.every_plan()

    @property
    def plan(self) -> Plan:
        """The only plan there is."""
        [one] = self.plans
        return one

    def reasons(self, event_id: str = "e-1") -> list[str]:
        """Every reason that was recorded for an event; ``act`` where there was none."""
        records = self.records(event_id)
        return [str(d["reason"] or d["kind"]) for r in records for d in r.decisions]

    def records(self, event_id: str) -> tuple[EventRecord, ...]:
        """Everything that was recorded for an event, oldest first."""
        return asyncio.run(self.world.ledger.find_event(event_id))

    def node(self, number: int = 29) -> AksNode:
        """The node on an instance, as it is now."""
        return self.world.cluster.nodes[make.instance(number).casefold()]

    def done(self, name: str) -> list[str]:
        """What one kind of effect was done to, in order."""
        return [what for kind, what in self.world.effects if kind == name]

    # the worlds of the four scenarios

    def with_node(
        self, *pods: Pod, number: int = 29, tags: Mapping[str, str] | None = None, **pod: Any
    ) -> AksNode:
        """Put a spot node with pods into the world; two if none are given."""
        node = self.world.cluster.add(make.instance(number), make.a_node(number))
        self.world.resources.add(make.a_resource(make.instance(number), tags=tags))
        names = (f"worker-{number}-{i}" for i in range(2))
        for one in pods or [make.a_pod(name) for name in names]:
            self.world.cluster.run(one, node, **pod)
        return node

    def with_slurm_node(self, number: int = 29, name: str = "gpu029", **job: Any) -> int:
        """Put a Slurm node with a job on it into the world; return the job's id.

        A second node stands free, so that the job can run somewhere else.
        """
        self.world.slurm.add(name, make.instance(number))
        if ("lab", "free001") not in self.world.slurm.nodes:
            self.world.slurm.add("free001")
        self.world.resources.add(make.a_resource(make.instance(number)))
        return self.world.slurm.run(name, **job)

    def set_node(self, node: AksNode, number: int = 29) -> None:
        """Let somebody change a node."""
        self.world.cluster.nodes[make.instance(number).casefold()] = node

    def set_tags(self, resource_id: str, tags: Mapping[str, str]) -> None:
        """Let a person tag a resource, wherever it is read from."""
        tagged = make.a_resource(resource_id, tags=tags)
        self.world.resources.add(tagged)
        for known in (
            self.world.compute.machines_by_id,
            self.world.machine_learning.computes,
        ):
            if resource_id.casefold() in known:
                known[resource_id.casefold()].resource = tagged

    def with_machine(self, vm: str = make.VM, *disks: str, is_quiet: bool = True) -> None:
        """Put a running machine into the world, idle unless said otherwise."""
        self.world.compute.add(make.a_machine(vm, *disks))
        self.world.resources.add(make.a_resource(vm))
        if is_quiet:
            self.world.metrics.tell(vm, make.quiet())

    def with_job(self, *tasks: cloud.FakeTask, name: str = "frames") -> cloud.FakeJob:
        """Put a Batch job into the world."""
        self.world.resources.add(make.a_resource(make.ACCOUNT))
        job = cloud.FakeJob(name, {task.id: task for task in tasks})
        return self.world.batch.add(make.ACCOUNT, job)
