"""Managed disks that belong to no machine: paid for, and used by nobody.

A disk's own state says it: ``Unattached``. One that a stopped machine holds is
``Reserved`` and is left alone; so is one that is being uploaded, exported or moved.

Source: https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks
"""

from __future__ import annotations

from shared.core.leftover_surveys import leftover_survey

SURVEY = leftover_survey(
    name="unattached_disks",
    summary="Managed disks that no machine has.",
    finding="unattached_disk",
    kind="Microsoft.Compute/disks",
    api_version="2024-03-02",
    guidance="https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks",
    left={"properties": {"diskState": "Unattached"}},
    used={"properties": {"diskState": "Reserved"}},
)
