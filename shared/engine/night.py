"""What the engine works with: its ports, the rules in force, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.core.remediation import Remediation
from shared.core.settings import Settings
from shared.core.signals import SignalType
from shared.engine.turns import Gate, Turns
from shared.ports import (
    Approvals,
    AuditSink,
    BatchAccounts,
    BatchNodes,
    Clock,
    Cluster,
    Commands,
    Compute,
    Controls,
    Estate,
    Extensions,
    Ledger,
    Leftovers,
    MachineLearning,
    Maintenance,
    Messenger,
    Metrics,
    Notices,
    OnlineEndpoints,
    Outbox,
    Patching,
    Prices,
    Records,
    References,
    Replacement,
    Resources,
    RestorePoints,
    SharedPools,
    Slurm,
    Snapshots,
    Tallies,
    VmCare,
    WakeQueue,
    Waves,
)
from shared.ports.upkeep import Upkeep
from shared.rules.book import Rule, RuleBook
from shared.rules.trials import Trial

AT_ONCE = 32
"""Events answered at once by one process."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the engine may touch."""

    clock: Clock
    ledger: Ledger
    queue: WakeQueue
    records: Records
    resources: Resources
    compute: Compute
    machine_learning: MachineLearning
    metrics: Metrics
    batch: BatchAccounts
    cluster: Cluster
    controls: Controls
    outbox: Outbox
    tallies: Tallies
    waves: Waves
    approvals: Approvals
    notices: Notices
    maintenance: Maintenance
    slurm: Slurm
    replacement: Replacement
    batch_nodes: BatchNodes
    commands: Commands
    shared_pools: SharedPools
    vm_care: VmCare
    estate: Estate
    extensions: Extensions
    leftovers: Leftovers
    snapshots: Snapshots
    restore_points: RestorePoints
    online_endpoints: OnlineEndpoints
    patching: Patching
    prices: Prices
    references: References
    upkeep: Upkeep
    sinks: tuple[AuditSink, ...] = ()
    messengers: tuple[Messenger, ...] = ()


@dataclass(frozen=True, slots=True)
class Night:
    """One process's engine: the same value serves every event.

    Attributes:
        turns: Shared by everything in this process that counts.
        gate: Shared by everything in this process that hears of events.
        trial: Newer rules that count in some scopes.
    """

    ports: Ports
    rules: RuleBook
    remediations: Mapping[str, Remediation]
    settings: Settings
    turns: Turns = field(default_factory=Turns)
    gate: Gate = field(default_factory=lambda: Gate(AT_ONCE))
    trial: Trial | None = None

    def rules_for(self, target: str) -> RuleBook:
        """Return the rules that count for a target: those on trial in its scope, or all's."""
        if self.trial is not None and self.trial.covers(target):
            return self.trial.rules
        return self.rules

    def answering(self, signal: SignalType) -> tuple[Rule, ...]:
        """Give every rule that answers a signal anywhere, for who looks before it is said."""
        return tuple(rule for rule in self.every_rule if signal in rule.on)

    @property
    def every_rule(self) -> tuple[Rule, ...]:
        """All rules that count anywhere; one that is also on trial, in both its forms."""
        known = {(rule.name, rule.hash) for rule in self.rules.rules}
        tried = self.trial.rules.rules if self.trial is not None else ()
        new = (rule for rule in tried if (rule.name, rule.hash) not in known)
        return (*self.rules.rules, *new)
