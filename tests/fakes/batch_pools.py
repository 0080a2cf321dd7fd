"""Batch pools whose nodes take their looks to change, and stay broken if they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.core.batch_pools import BatchPool
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.facts import BatchNode
from shared.ports import PoolTargets, TasksThen
from tests.fakes.effects import Trapped

USABLE = frozenset({"idle", "running", "offline"})
BROKEN = frozenset({"unusable", "starttaskfailed"})
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakePoolNode:
    """One node.

    Attributes:
        vm: ARM id of its machine; empty in a pool of Batch's own subscription.
        tasks: How many run on it.
        mended_by: What brings it back when it is broken: ``reboot``, ``reimage``, both.
        refuses: Batch reboots and reimages it not: its state is none for it.
        then: The state it enters when ``looks_left`` are over.
    """

    id: str
    vm: str = ""
    state: str = "idle"
    takes_tasks: bool = True
    tasks: int = 0
    mended_by: frozenset[str] = frozenset({"reboot", "reimage"})
    refuses: bool = False
    then: str = ""
    looks_left: int = 0
    moved: int = 0


@dataclass
class FakeNodePool:
    """One pool of an account and what it is set to have."""

    account: str
    id: str
    nodes: dict[str, FakePoolNode] = field(default_factory=dict)
    dedicated: int = 0
    is_autoscaled: bool = False
    resizes_left: int = 0
    formula: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class FakeBatchNodes(Trapped):
    """Nodes of Batch pools.

    Attributes:
        began: When every node entered the state that it has at first.
        looks: Reads that still show a change going on.
        refuses: What Batch answers to ``reboot`` or ``reimage``, by that word.
    """

    pools: list[FakeNodePool] = field(default_factory=list)
    looks: int = 1
    began: datetime = BEGAN
    refuses: dict[str, str] = field(default_factory=dict)

    def add(self, account: str, pool: str, *nodes: FakePoolNode) -> FakeNodePool:
        """Put a pool into the world."""
        found = FakeNodePool(account, pool, {one.id: one for one in nodes}, len(nodes))
        self.pools.append(found)
        return found

    async def find(self, vm: str) -> BatchNode | None:
        """Find the node that a VM is."""
        self.reading("find_batch_node")
        for pool in self.pools:
            for node in pool.nodes.values():
                if node.vm and node.vm.casefold() == vm.casefold():
                    return self._look(pool, node)
        return None

    async def node(self, account: str, pool: str, node: str) -> BatchNode | None:
        """Read one node."""
        self.reading("batch_node")
        home = self._pool(account, pool)
        found = home.nodes.get(node) if home else None
        return self._look(home, found) if home and found else None

    async def unusable(self, account: str, *, pool: str, limit: int) -> tuple[BatchNode, ...]:
        """Read broken nodes."""
        self.reading("unusable")
        homes = [p for p in self.pools if p.account.casefold() == account.casefold()]
        found = [
            self._fact(home, node)
            for home in homes
            for node in home.nodes.values()
            if node.state in BROKEN and pool in {"", home.id}
        ]
        return tuple(found[:limit])

    async def disable(self, node: BatchNode, *, then: TasksThen) -> None:
        """Give a node no new tasks; those it has leave it, or end in a while."""
        self.before("disable_node")
        found = self._own(node)
        if not found.takes_tasks:
            return
        found.takes_tasks = False
        if then is not TasksThen.TASK_COMPLETION:
            found.tasks = 0
        found.then, found.looks_left = "offline", self.looks
        self.happened("disable_node", f"{node.id} {then.value}")

    async def enable(self, node: BatchNode) -> None:
        """Give a node tasks again."""
        self.before("enable_node")
        found = self._own(node)
        found.takes_tasks, found.then = True, ""
        if found.state == "offline":
            self._enter(found, "idle")
        self.happened("enable_node", node.id)

    async def reboot(self, node: BatchNode) -> None:
        """Reboot a node."""
        self._change(node, "reboot", "rebooting")

    async def reimage(self, node: BatchNode) -> None:
        """Install a node anew."""
        self._change(node, "reimage", "reimaging")

    async def remove(self, account: str, pool: str, nodes: Sequence[str]) -> None:
        """Take nodes out; the pool's target falls with them."""
        self.before("remove_nodes")
        home = self._steady(account, pool)
        for name in nodes:
            if home.nodes.pop(name, None) is not None:
                home.dedicated -= 1
        home.resizes_left = self.looks
        self.happened("remove_nodes", f"{pool} {' '.join(nodes)}")

    async def targets(self, account: str, pool: str) -> PoolTargets | None:
        """Read what a pool is set to have, one look nearer to its being so."""
        self.reading("targets")
        home = self._pool(account, pool)
        if home is None:
            return None
        home.resizes_left = max(home.resizes_left - 1, -1)
        steady = home.resizes_left < 0
        return PoolTargets(home.dedicated, 0, steady, home.is_autoscaled)

    async def resize(
        self, account: str, pool: str, *, dedicated: int, low_priority: int
    ) -> None:
        """Set what a pool is to have; new nodes come."""
        self.before("resize_pool")
        home = self._steady(account, pool)
        for number in range(dedicated - home.dedicated):
            home.nodes[f"new-{number}"] = FakePoolNode(f"new-{number}")
        if dedicated < len(home.nodes):
            home.nodes = dict(list(home.nodes.items())[:dedicated])
        home.dedicated, home.resizes_left = dedicated, self.looks
        self.happened("resize_pool", f"{pool} {dedicated}")

    async def pools_of(self, account: str) -> tuple[BatchPool, ...]:
        """Read the pools of an account."""
        self.reading("pools_of")
        homes = [p for p in self.pools if p.account.casefold() == account.casefold()]
        return tuple(_shown(home) for home in homes)

    async def pool(self, account: str, pool: str) -> BatchPool | None:
        """Read one pool, one look nearer to its being as it is set."""
        self.reading("pool")
        home = self._pool(account, pool)
        if home is None:
            return None
        if home.resizes_left > 0:
            home.resizes_left -= 1
        return _shown(home)

    async def idle_since(self, account: str, pool: str) -> tuple[int, datetime | None]:
        """Count the nodes that are not idle, and tell when the last became so."""
        self.reading("idle_since")
        home = self._pool(account, pool)
        nodes = [self._fact(home, one) for one in home.nodes.values()] if home else []
        busy = sum(one.state != "idle" for one in nodes)
        moments = [one.since for one in nodes if one.since is not None]
        return busy, max(moments, default=None) if not busy else None

    async def enable_formula(self, account: str, pool: str, formula: str) -> None:
        """Let a formula decide."""
        self.before("enable_formula")
        home = self._steady(account, pool)
        home.formula, home.is_autoscaled = formula, True
        self.happened("enable_formula", pool)

    def finish_tasks(self, node: str) -> None:
        """Let the tasks on a node end."""
        for pool in self.pools:
            if node in pool.nodes:
                pool.nodes[node].tasks = 0

    def _change(self, node: BatchNode, what: str, meanwhile: str) -> None:
        self.before(f"{what}_node")
        found = self._own(node)
        if found.refuses:
            raise InvalidTarget(f"{what} {node.id}: NodeStateUnusable")
        if what in self.refuses:
            raise InvalidTarget(f"{what} {node.id}: {self.refuses[what]}")
        found.then = "idle" if what in found.mended_by else found.state
        self._enter(found, meanwhile)
        found.looks_left = self.looks
        self.happened(f"{what}_node", node.id)

    def _look(self, pool: FakeNodePool, node: FakePoolNode) -> BatchNode:
        """Show a node as it was, then let it get on by a look."""
        if node.then and not node.tasks:
            node.looks_left -= 1
            if node.looks_left < 0:
                self._enter(node, node.then)
                node.then = ""
        return self._fact(pool, node)

    def _fact(self, pool: FakeNodePool, node: FakePoolNode) -> BatchNode:
        state = "running" if node.tasks and node.state == "idle" else node.state
        since = self.began + timedelta(seconds=node.moved)
        usable = state in USABLE
        known = BatchNode(pool.account, pool.id, node.id, state, node.takes_tasks, usable)
        return replace(known, running_tasks=node.tasks, since=since)

    def _enter(self, node: FakePoolNode, state: str) -> None:
        node.state, node.moved = state, node.moved + 1

    def _own(self, node: BatchNode) -> FakePoolNode:
        home = self._pool(node.account, node.pool)
        if home is None or node.id not in home.nodes:
            raise InvalidTarget(f"there is no node {node.id} in {node.pool}")
        return home.nodes[node.id]

    def _pool(self, account: str, pool: str) -> FakeNodePool | None:
        wanted = (account.casefold(), pool.casefold())
        return next(
            (p for p in self.pools if (p.account.casefold(), p.id.casefold()) == wanted), None
        )

    def _steady(self, account: str, pool: str) -> FakeNodePool:
        home = self._pool(account, pool)
        if home is None:
            raise InvalidTarget(f"there is no pool {pool}")
        if home.resizes_left >= 0 and home.resizes_left:
            raise StaleFacts(f"the pool {pool} is being resized")
        return home


def _shown(home: FakeNodePool) -> BatchPool:
    return BatchPool(
        account=home.account,
        id=home.id,
        size="Standard_NC6",
        dedicated=home.dedicated,
        low_priority=0,
        is_steady=home.resizes_left < 0 or not home.resizes_left,
        formula=home.formula or ("?" if home.is_autoscaled else ""),
        labels=dict(home.labels),
    )
