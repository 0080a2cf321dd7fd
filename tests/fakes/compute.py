"""Machines, disks and snapshots that take a settable number of looks to change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.core.errors import InvalidTarget
from shared.core.facts import DiskFacts, MachineFacts, ManagedDisk, Resource, has_gpu
from shared.core.resource_ids import DISK, ResourceId
from shared.ports import OperationState, SnapshotState
from tests.fakes.effects import Trapped

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeMachine:
    """One machine of a fake cloud.

    Attributes:
        looks_left: Reads until a deallocation that was asked for has ended; None if none was.
    """

    resource: Resource
    power: str | None = "running"
    disks: tuple[ManagedDisk, ...] = ()
    started_at: datetime | None = None
    provisioning: str = "succeeded"
    provisioned_at: datetime = STARTED
    looks_left: int | None = None
    priority: str = "regular"

    def look(self) -> None:
        """Let a deallocation get on by one look."""
        if self.looks_left is None:
            return
        self.looks_left -= 1
        if self.looks_left < 0:
            self.power, self.looks_left, self.started_at = "deallocated", None, None

    @property
    def facts(self) -> MachineFacts:
        """The machine as a port shows it."""
        size = has_gpu(self.resource.size)
        return MachineFacts(
            self.resource, self.power, size, None, self.started_at, self.provisioned_at
        )


@dataclass
class FakeSnapshot:
    """One snapshot and the looks left until it is complete."""

    state: SnapshotState
    looks_left: int
    location: str = ""
    taken_at: datetime = STARTED


@dataclass
class FakeOperation:
    """One long operation and the looks left until it has ended.

    Attributes:
        ends: What its end changes; None for a redeploy.
        fails: What it ends with, or empty.
    """

    vm: str
    looks_left: int
    ends: Callable[[], None] | None = None
    fails: str = ""


@dataclass(kw_only=True)
class FakeCompute(Trapped):
    """Virtual machines as ``Compute`` sees them.

    Attributes:
        deallocate_looks, snapshot_looks, redeploy_looks: Reads that still show the change
            going on, after it was accepted; 0 means the next read shows it done.
        loose_disks: Folded ids of disks that no machine has.
        snapshot_fails: New snapshots end failed.
        redeploy_fails: Why redeploys end failed, or empty.
        now: Where provisioning times come from.
        is_bulk: Deallocations are taken many at a time.
    """

    machines_by_id: dict[str, FakeMachine] = field(default_factory=dict)
    snapshots: dict[str, FakeSnapshot] = field(default_factory=dict)
    loose_disks: set[str] = field(default_factory=set)
    operations: dict[str, FakeOperation] = field(default_factory=dict)
    deallocate_looks: int = 1
    snapshot_looks: int = 1
    redeploy_looks: int = 1
    snapshot_fails: bool = False
    redeploy_fails: str = ""
    now: Callable[[], datetime] = lambda: STARTED
    is_bulk: bool = False

    def add(self, machine: FakeMachine) -> FakeMachine:
        """Put a machine into the world."""
        self.machines_by_id[machine.resource.id.casefold()] = machine
        return machine

    async def machines(self, subscription: str) -> AsyncIterator[MachineFacts]:
        """Yield every VM of a subscription."""
        self.reading("machines")
        for machine in list(self.machines_by_id.values()):
            own = ResourceId.parse(machine.resource.id).subscription
            if own.casefold() == subscription.casefold():
                machine.look()
                yield machine.facts

    async def machine(self, vm: str) -> MachineFacts | None:
        """Read one VM."""
        found = self._look("machine", vm)
        return found.facts if found else None

    async def deallocate(self, vm: str, *, location: str = "") -> str:
        """Begin a deallocation; one that has ended or is going on is accepted again."""
        self.before("deallocate")
        machine = self._writable(vm)
        if machine.power != "deallocated" and machine.looks_left is None:
            machine.power, machine.looks_left = "deallocating", self.deallocate_looks
        self.happened("deallocate", vm)
        return f"bulk-{location}" if self.is_bulk else ""

    async def disks(self, vm: str) -> DiskFacts | None:
        """Read a VM's disks."""
        found = self._look("disks", vm)
        return DiskFacts(found.resource, found.power, found.disks) if found else None

    async def snapshot(self, snapshot_id: str) -> SnapshotState | None:
        """Read a snapshot, one look nearer to its end."""
        self.reading("snapshot")
        found = self.snapshots.get(snapshot_id.casefold())
        if found is None:
            return None
        found.looks_left -= 1
        if found.looks_left < 0:
            failed = self.snapshot_fails or found.state.has_failed
            found.state = replace(found.state, is_ready=not failed, has_failed=failed)
        return found.state

    async def create_snapshot(
        self, snapshot_id: str, *, disk: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Create a snapshot of a disk that exists; the same again changes only tags."""
        self.before("create_snapshot")
        known = {d.id.casefold() for m in self.machines_by_id.values() for d in m.disks}
        known |= self.loose_disks
        if ResourceId.parse(disk).type != DISK or disk.casefold() not in known:
            raise InvalidTarget(f"creating a snapshot: there is no disk {disk}")
        key = snapshot_id.casefold()
        if key in self.snapshots:
            kept = self.snapshots[key]
            kept.state = replace(kept.state, tags=dict(tags))
        else:
            state = SnapshotState(snapshot_id, False, False, disk, dict(tags))
            self.snapshots[key] = FakeSnapshot(
                state, self.snapshot_looks, location, self.now()
            )
        self.happened("create_snapshot", snapshot_id)

    async def redeploy(self, vm: str) -> str:
        """Begin a redeploy and return its token."""
        self.before("redeploy")
        machine = self._writable(vm)
        token = f"redeploy-{len(self.operations)}"
        self.operations[token] = FakeOperation(vm, self.redeploy_looks)
        machine.provisioning, machine.provisioned_at = "updating", self.now()
        self.happened("redeploy", vm)
        return token

    async def operation(self, vm: str, token: str) -> tuple[OperationState, str]:
        """Tell how a redeploy stands, one look nearer to its end."""
        self.reading("operation")
        if token not in self.operations:
            return OperationState.LOST, ""
        self.advance(token)
        if self.operations[token].looks_left >= 0:
            return OperationState.RUNNING, ""
        going = self.operations[token]
        fails = going.fails if going.ends else self.redeploy_fails
        if fails:
            return OperationState.FAILED, fails
        return OperationState.SUCCEEDED, ""

    async def provisioned_at(self, vm: str) -> tuple[str, datetime | None]:
        """Return the provisioning state and since when."""
        self.reading("provisioned_at")
        for token, going in self.operations.items():
            if going.vm.casefold() == vm.casefold() and going.looks_left >= 0:
                self.advance(token)
        machine = self._writable(vm)
        return machine.provisioning, machine.provisioned_at

    def advance(self, token: str) -> None:
        """Let an operation get on by a look."""
        going = self.operations[token]
        if going.looks_left < 0:
            return
        going.looks_left -= 1
        if going.looks_left < 0 and going.ends:
            going.ends()
        elif going.looks_left < 0:
            machine = self._writable(going.vm)
            machine.provisioning = "failed" if self.redeploy_fails else "succeeded"
            machine.provisioned_at = self.now()

    def _look(self, name: str, vm: str) -> FakeMachine | None:
        self.reading(name)
        found = self.machines_by_id.get(vm.casefold())
        if found:
            found.look()
        return found

    def _writable(self, vm: str) -> FakeMachine:
        found = self.machines_by_id.get(vm.casefold())
        if found is None:
            raise InvalidTarget(f"there is no virtual machine {vm}")
        return found
