"""Metrics of Azure ML computes that are asked for by name.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-metrics
(``DiskAvailMegabytes``, "Available disk space in megabytes", by ``ComputeName``)
"""

from __future__ import annotations

from shared.core.surveys import Measure

DISK_FREE = Measure(
    of="computes",
    namespace="Microsoft.MachineLearningServices/workspaces",
    metric="DiskAvailMegabytes",
    aggregation="minimum",
)
