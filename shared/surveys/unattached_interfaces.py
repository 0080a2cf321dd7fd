"""Network interfaces without a machine: an address of a subnet is gone for nothing.

Source: https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-nics
"""

from __future__ import annotations

from shared.core.leftover_surveys import leftover_survey

SURVEY = leftover_survey(
    name="unattached_interfaces",
    summary="Network interfaces that no machine and no endpoint has.",
    finding="unattached_interface",
    kind="Microsoft.Network/networkInterfaces",
    api_version="2024-05-01",
    guidance="https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-nics",
    left={"properties": {}},
    used={"properties": {"virtualMachine": {"id": "/subscriptions/s/vm"}}},
)
