"""The one composition root: settings -> adapters -> engine, built once a process.

Lazy throughout: building it imports no SDK; each adapter imports its own on first use,
so that the first decision after a cold start pays only for what it uses.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from shared.adapters.aks import AksClusters
from shared.adapters.arm import ArmReader
from shared.adapters.batch import AzureBatch
from shared.adapters.blob_records import BlobRecords
from shared.adapters.clock import SystemClock
from shared.adapters.credentials import credential
from shared.adapters.log_ingestion import LogIngestion
from shared.adapters.machine_learning import AzureMachineLearning
from shared.adapters.monitor_metrics import AzureMetrics
from shared.adapters.outcome_topic import OutcomeTopic
from shared.adapters.resources import AzureResources
from shared.adapters.rule_files import read_layers
from shared.adapters.settings_env import read_settings
from shared.adapters.storage import Storage
from shared.adapters.table_controls import TableControls
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_outbox import TableOutbox
from shared.adapters.virtual_machines import AzureCompute
from shared.adapters.wake_queue import PlanWakeQueue
from shared.core.errors import InvalidSetting, Misconfigured
from shared.core.settings import Settings
from shared.engine.night import Night, Ports
from shared.ports import AuditSink
from shared.remediations import discover
from shared.rules.loading import load_rules

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_built: dict[str, Night] = {}


def night() -> Night:
    """Return this process's engine, building it on first use.

    Raises:
        Misconfigured: A setting or a rule file is wrong; the message lists every one.
    """
    if "night" not in _built:
        try:
            _built["night"] = build(read_settings(os.environ))
        except InvalidSetting as error:
            raise Misconfigured(str(error)) from error
    return _built["night"]


def build(settings: Settings) -> Night:
    """Put an engine together from settings."""
    logging.getLogger("azure").setLevel(logging.WARNING)  # at INFO: a line for every request
    remediations = discover()
    rules = load_rules(read_layers(settings.rules), remediations)
    identity = credential(settings)
    arm = ArmReader(identity, settings)
    storage = Storage(settings, lambda: identity)
    clock = SystemClock()
    ports = Ports(
        clock=clock,
        ledger=TableLedger(storage, clock),
        queue=PlanWakeQueue(storage),
        records=BlobRecords(storage),
        resources=AzureResources(arm),
        compute=AzureCompute(identity, arm, settings),
        machine_learning=AzureMachineLearning(settings),
        metrics=AzureMetrics(identity, settings),
        batch=AzureBatch(identity, arm, settings),
        cluster=AksClusters(identity, arm, settings),
        controls=TableControls(storage),
        outbox=TableOutbox(storage),
        sinks=_sinks(identity, settings),
    )
    return Night(ports, rules, remediations, settings)


def _sinks(identity: AsyncTokenCredential, settings: Settings) -> tuple[AuditSink, ...]:
    """Build the sinks that are configured; what is not holds nothing back."""
    sinks: list[AuditSink] = []
    if settings.ingestion_endpoint:
        sinks.append(LogIngestion(identity, settings))
    if settings.outcome_topic:
        sinks.append(OutcomeTopic(identity, settings))
    return tuple(sinks)
