"""The one composition root: settings -> adapters -> engine, built once a process.

Lazy throughout: building it imports no SDK; each adapter imports its own on first use,
so that the first decision after a cold start pays only for what it uses.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.adapters.aks import AksClusters
from shared.adapters.arm import ArmReader
from shared.adapters.batch import AzureBatch
from shared.adapters.batch_nodes import AzureBatchNodes
from shared.adapters.blob_records import BlobRecords
from shared.adapters.clock import SystemClock
from shared.adapters.credentials import credential
from shared.adapters.estate import ArmEstate
from shared.adapters.extensions import AzureExtensions
from shared.adapters.leftovers import ArmLeftovers
from shared.adapters.log_ingestion import LogIngestion
from shared.adapters.machine_learning import AzureMachineLearning
from shared.adapters.maintenance import AzureMaintenance
from shared.adapters.messengers import configured, link_of
from shared.adapters.metric_batches import MetricBatches
from shared.adapters.ml_endpoints import ArmOnlineEndpoints
from shared.adapters.monitor_metrics import AzureMetrics
from shared.adapters.outcome_topic import OutcomeTopic
from shared.adapters.patching import ArmPatching
from shared.adapters.premises import AppPremises
from shared.adapters.price_file import PriceFile
from shared.adapters.reference_files import ReferenceFiles
from shared.adapters.replacement import AzureReplacement
from shared.adapters.resources import AzureResources
from shared.adapters.restore_points import AzureRestorePoints
from shared.adapters.rule_files import read_layers
from shared.adapters.run_commands import AzureCommands
from shared.adapters.settings_env import read_settings
from shared.adapters.shared_pools import AzureSharedPools
from shared.adapters.slurm import SlurmClusters
from shared.adapters.snapshots import ArmSnapshots
from shared.adapters.storage import Storage
from shared.adapters.table_approvals import TableApprovals
from shared.adapters.table_controls import TableControls
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_notices import TableNotices
from shared.adapters.table_outbox import TableOutbox
from shared.adapters.table_tallies import TableTallies
from shared.adapters.table_upkeep import TableForwarders, TableTickets
from shared.adapters.table_waves import TableWaves
from shared.adapters.virtual_machines import AzureCompute
from shared.adapters.vm_care import AzureVmCare
from shared.adapters.wake_queue import PlanWakeQueue
from shared.core.errors import GiveUp, Misconfigured
from shared.core.remediation import Remediation
from shared.core.settings import Settings
from shared.engine.night import Night, Ports
from shared.engine.plan_notices import PlanNotices
from shared.ports import AuditSink
from shared.ports.telemetry import Nobody, Telemetry
from shared.ports.upkeep import Upkeep
from shared.remediations import discover
from shared.rules.book import RuleBook
from shared.rules.loading import load_rules

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.adapters.entra import SignIn
    from shared.engine.rule_watch import RuleWatch
    from shared.rule_duty import RuleDuty  # imported where there is a container of rules
    from shared.rules.trials import Trial

_built: dict[str, Night] = {}
_duties: dict[str, RuleDuty] = {}
_watchers: dict[str, Telemetry] = {}
_NOBODY = Nobody()
_sign_ins: dict[str, SignIn] = {}


def night() -> Night:
    """Return this process's engine, building it on first use.

    Where rules come from a container, each call sees to it that they are looked at now
    and then; the value returned is one version of them, and stays so.

    Raises:
        Misconfigured: A setting or a rule file is wrong; the message lists every one.
        RetryLater: The container of rules cannot be read, nor what was kept of it.
    """
    if "night" not in _built:
        try:
            _built["night"] = build(read_settings(os.environ))
        except GiveUp as error:
            raise Misconfigured(str(error)) from error
    if "rules" in _duties:
        _duties["rules"].nudge(_built["night"])
    return _built["night"]


def sign_in() -> SignIn:
    """Return what tells who sends a request; one for the settings in force."""
    from shared.adapters.entra import SignIn

    settings = night().settings
    known = _sign_ins.get("sign_in")
    if known is None or known.settings is not settings:
        known = _sign_ins["sign_in"] = SignIn(settings)
    return known


def telemetry() -> Telemetry:
    """Return who watches traces and metrics: nobody, unless a setting says so."""
    return _watchers.get("telemetry", _NOBODY)


def _watched(ports: Ports, settings: Settings) -> Ports:
    """Let whoever watches see what the ports do."""
    if not settings.telemetry:
        return ports
    from shared.adapters.telemetry import azure_monitor
    from shared.engine.telling import told

    if "telemetry" not in _watchers:
        _watchers["telemetry"] = azure_monitor(settings)
    return told(ports, _watchers["telemetry"])


def rule_watch() -> RuleWatch | None:
    """Return what this process knows of its container of rules; None without one."""
    return _duties["rules"].watch if "rules" in _duties else None


def _rules(
    settings: Settings, remediations: Mapping[str, Remediation], storage: Storage
) -> RuleBook:
    """Load the rules: the package's, and the container's on top if there is one."""
    layers = read_layers(settings.rules)
    if not settings.rules_container:
        return load_rules(layers, remediations)
    from shared.rule_duty import RuleDuty

    if "rules" not in _duties:
        _duties["rules"] = RuleDuty(settings, layers, remediations, _replace_rules)
    return _duties["rules"].begin(storage)


def _replace_rules(rules: RuleBook, trial: Trial | None) -> Night:
    """Put other rules in force, and on trial, for whatever begins from now on."""
    _built["night"] = replace(_built["night"], rules=rules, trial=trial)
    return _built["night"]


def build(settings: Settings) -> Night:
    """Put an engine together from settings."""
    logging.getLogger("azure").setLevel(logging.WARNING)  # at INFO: a line for every request
    remediations = discover()
    identity = credential(settings)
    arm = ArmReader(identity, settings)
    compute = AzureCompute(identity, arm, settings)
    batch = AzureBatch(identity, arm, settings)
    storage = Storage(settings, lambda: identity)
    rules = _rules(settings, remediations, storage)
    clock = SystemClock()
    ledger = TableLedger(storage, clock)
    messengers = configured(settings, clock, link_of(settings))
    notices = TableNotices(storage, tuple(one.channel for one in messengers))
    sinks = _sinks(identity, settings)
    if messengers:
        sinks = (*sinks, PlanNotices(ledger, notices))
    ports = Ports(
        clock=clock,
        ledger=ledger,
        queue=PlanWakeQueue(storage),
        records=BlobRecords(storage),
        resources=AzureResources(arm),
        compute=compute,
        machine_learning=AzureMachineLearning(settings, arm),
        metrics=AzureMetrics(identity, settings),
        batch=batch,
        cluster=AksClusters(identity, arm, settings),
        controls=TableControls(storage),
        maintenance=AzureMaintenance(arm),
        slurm=SlurmClusters(arm, settings),
        outbox=TableOutbox(storage),
        tallies=TableTallies(storage),
        waves=TableWaves(storage),
        approvals=TableApprovals(storage, clock),
        notices=notices,
        batch_nodes=AzureBatchNodes(batch, arm),
        commands=AzureCommands(compute.clients, arm),
        shared_pools=AzureSharedPools(compute.clients),
        vm_care=AzureVmCare(compute.clients, arm),
        replacement=AzureReplacement(compute.clients),
        estate=ArmEstate(arm),
        extensions=AzureExtensions(identity, arm, settings),
        leftovers=ArmLeftovers(arm),
        snapshots=ArmSnapshots(arm),
        restore_points=AzureRestorePoints(arm, compute.clients),
        online_endpoints=ArmOnlineEndpoints(arm, MetricBatches(identity, settings)),
        patching=ArmPatching(arm, ArmEstate(arm)),
        prices=PriceFile(settings.prices),
        references=ReferenceFiles(),
        upkeep=Upkeep(
            AppPremises(identity, arm, storage, settings),
            TableForwarders(storage),
            TableTickets(storage, clock),
        ),
        messengers=messengers,
        sinks=sinks,
    )
    trial = _duties["rules"].trial if "rules" in _duties else None
    return Night(_watched(ports, settings), rules, remediations, settings, trial=trial)


def _sinks(identity: AsyncTokenCredential, settings: Settings) -> tuple[AuditSink, ...]:
    """Build the sinks that are configured; what is not holds nothing back."""
    sinks: list[AuditSink] = []
    if settings.ingestion_endpoint:
        sinks.append(LogIngestion(identity, settings))
    if settings.outcome_topic:
        sinks.append(OutcomeTopic(identity, settings))
    return tuple(sinks)
