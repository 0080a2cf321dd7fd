"""The made-up events of a smoke test, in the very shapes that their senders have.

Each names a machine that does not exist: without its ticket it would be an event about
nothing. Its id is the ticket's.

Source: https://learn.microsoft.com/azure/event-grid/cloud-event-schema,
https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.parsing.scheduled_events import DOCUMENT_TYPE

Json = dict[str, Any]
GROUP, NAME = "nightshift-smoke", "nightshift-smoke"


def machine(target: str) -> str:
    """Name a machine that nobody has, in the target's subscription."""
    subscription = "/".join(target.split("/")[:3])
    compute = f"{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Compute"
    return f"{compute}/virtualMachines/{NAME}"


def forwarded_notice(event_id: str, target: str, now: datetime) -> Json:
    """Write a notice as a forwarder sends it: the one event that people can publish."""
    vm = machine(target)
    notice = {
        "EventId": event_id,
        "EventType": "Freeze",
        "EventStatus": "Scheduled",
        "EventSource": "User",
        "ResourceType": "VirtualMachine",
        "Resources": [NAME],
        "NotBefore": "",
        "Description": "a smoke test of Nightshift",
        "DurationInSeconds": 1,
    }
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": vm,
        "subject": event_id,
        "type": DOCUMENT_TYPE,
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "data": {"vmId": vm, "document": {"DocumentIncarnation": 1, "Events": [notice]}},
    }


def alert(event_id: str, target: str, now: datetime) -> Json:
    """Write what an action group posts, in the common alert schema."""
    subscription = "/".join(target.split("/")[:3])
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "alertId": f"{subscription}/providers/Microsoft.AlertsManagement/alerts/"
                f"{event_id}",
                "alertRule": NAME,
                "severity": "Sev4",
                "signalType": "Metric",
                "monitorCondition": "Fired",
                "monitoringService": "Platform",
                "alertTargetIDs": [machine(target)],
                "configurationItems": [NAME],
                "originAlertId": event_id,
                "firedDateTime": now.isoformat(),
                "description": "a smoke test of Nightshift",
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
            },
            "alertContext": {
                "conditionType": "SingleResourceMultipleMetricCriteria",
                "condition": {"windowSize": "PT5M", "allOf": []},
            },
        },
    }


def runbook(target: str) -> Json:
    """Write a person's request, which is a dry run by its own word."""
    return {"target": target, "dry_run": True, "reason": "a smoke test of Nightshift"}
