"""What the platform promises or allows, each with where it says so; and what is assumed.

Figures of services are documented targets, none was measured here. What no page says is an
assumption, named as one.
"""

from __future__ import annotations

from dataclasses import dataclass

LEARN = "https://learn.microsoft.com/azure/"


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate that something allows.

    Attributes:
        rate: A second, sustained.
        burst: What may come at once before the rate counts.
        per: What has a limit of its own.
        source: The page.
    """

    name: str
    rate: float
    per: str
    source: str
    burst: float = 0.0


STORAGE = Limit(
    "requests to a storage account",
    20_000,
    "storage account",
    f"{LEARN}storage/common/scalability-targets-standard-account",
)
PARTITION = Limit(
    "rows of one table partition",
    2_000,
    "partition",
    f"{LEARN}storage/tables/scalability-targets",
)
QUEUE = Limit(
    "messages of one queue", 2_000, "queue", f"{LEARN}storage/queues/scalability-targets"
)
ARM_READS = Limit(
    "resource manager reads",
    25,
    "subscription and identity",
    f"{LEARN}azure-resource-manager/management/request-limits-and-throttling",
    burst=250,
)
ARM_WRITES = Limit(
    "resource manager writes",
    10,
    "subscription and identity",
    f"{LEARN}azure-resource-manager/management/request-limits-and-throttling",
    burst=200,
)
VM_CHANGES = Limit(
    "changes of VMs",
    500 / 60,
    "subscription and region",
    f"{LEARN}virtual-machines/compute-throttling-limits",
    burst=1_500,
)
CORES = Limit(
    "processor of the app",
    250,
    "region and subscription of the app",
    f"{LEARN}azure-functions/flex-consumption-plan",
)
EXPORT = Limit(
    "telling Log Analytics and the outcome topic",
    1,
    "deployment: `tick_export` is one invocation; beyond it the records come later",
    f"{LEARN}azure-functions/functions-bindings-timer",
)
TOPIC = Limit(
    "events into a custom topic",
    5_000,
    "topic",
    f"{LEARN}event-grid/quotas-limits",
)
INGESTION_BYTES = Limit(
    "bytes into a data collection rule",
    2e9 / 60,
    "data collection rule",
    f"{LEARN}azure-monitor/fundamentals/service-limits",
)
LIMITS = (
    STORAGE,
    PARTITION,
    QUEUE,
    ARM_READS,
    ARM_WRITES,
    VM_CHANGES,
    CORES,
    EXPORT,
    TOPIC,
    INGESTION_BYTES,
)

INSTANCES_AT_MOST = 1_000
"""Of one app. Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan"""
CORES_AN_INSTANCE = 1.0
"""2,048 MB. Source: the same page."""
NEW_INSTANCES_A_SECOND = 1.0
"""For HTTP triggers; once in 30 s for others. The Event Grid trigger is called by HTTP, and
under Flex Consumption is scaled by itself; which counts for it no page says: an assumption.
Source: https://learn.microsoft.com/azure/azure-functions/event-driven-scaling"""
ALWAYS_READY = 2
"""Instances that wait for notices: a choice of the deployment."""
EVENT_GRID_WAITS_S = 30.0
EVENT_GRID_RETRIES_S = (10.0, 30.0, 60.0, 300.0)
"""Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry"""
INVOCATION_S = 300.0
"""``functionTimeout`` of host.json."""
METRICS_CALL_S = 0.2
"""How long one metrics call takes: an assumption."""
METRICS_AT_ONCE = 4
"""How many of them are under way: no more than the app has."""
METRICS_BATCH = 50
"""Machines a call. Source: https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch"""
