"""Public addresses that belong to no interface, gateway or balancer: paid by the hour.

Source: https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations
"""

from __future__ import annotations

from shared.core.leftover_surveys import leftover_survey

SURVEY = leftover_survey(
    name="unused_addresses",
    summary="Public addresses at which nothing answers.",
    finding="unused_address",
    kind="Microsoft.Network/publicIPAddresses",
    api_version="2024-05-01",
    guidance="https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations",
    left={"properties": {"ipAddress": "203.0.113.7"}},
    used={"properties": {"ipConfiguration": {"id": "/subscriptions/s/nic"}}},
)
