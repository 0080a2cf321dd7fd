"""Scale sets without a machine, which nobody else sizes: forgotten, or at rest.

A pool that goes to zero at night has machines by day; the grace between mark and removal
tells the two apart. Pools of AKS are sized by AKS and are left out.

Source: https://learn.microsoft.com/azure/virtual-machine-scale-sets/overview
"""

from __future__ import annotations

from shared.core.leftover_surveys import leftover_survey

SURVEY = leftover_survey(
    name="empty_scale_sets",
    summary="Scale sets that have no machines and that no service sizes.",
    finding="empty_scale_set",
    kind="Microsoft.Compute/virtualMachineScaleSets",
    api_version="2024-07-01",
    guidance="https://learn.microsoft.com/azure/virtual-machine-scale-sets/overview",
    left={"sku": {"capacity": 0}, "properties": {}},
    used={"sku": {"capacity": 2}, "properties": {}},
)
