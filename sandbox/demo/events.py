"""Events as Azure sends them: their shapes, with times of now.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-maintenance-resources,
https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema
"""

from datetime import datetime, timedelta
from typing import Any

from sandbox.demo import world

Json = dict[str, Any]
NOTICE = "Microsoft.ResourceNotifications.MaintenanceResources.ScheduledEventEmitted"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def notice(
    event_id: str,
    numbers: tuple[int, ...],
    *,
    now: datetime,
    status: str = "Scheduled",
    kind: str = "Preempt",
    lead: timedelta = timedelta(seconds=30),
    scale_set: str = world.SCALE_SET,
) -> Json:
    """Write a maintenance notice about instances of a scale set."""
    name = scale_set.rpartition("/")[2]
    about = f"{scale_set}/providers/Microsoft.Maintenance/scheduledEvents/{event_id}"
    not_before = (now + lead).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return {
        "id": f"{event_id}-{status.lower()}",
        "topic": f"/subscriptions/{world.SUBSCRIPTION}",
        "subject": about,
        "eventType": NOTICE,
        "eventTime": _stamp(now),
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": {
            "apiVersion": "2023-10-01-preview",
            "resourceInfo": {
                "id": about,
                "name": event_id,
                "type": "Microsoft.Maintenance/scheduledEvents",
                "location": world.REGION,
                "properties": {
                    "EventId": event_id,
                    "EventType": kind,
                    "EventStatus": status,
                    "EventSource": "Platform",
                    "NotBefore": not_before if status == "Scheduled" else "",
                    "ResourceType": "VirtualMachine",
                    "Resources": [f"{name}_{number}" for number in numbers],
                    "Description": "",
                    "DurationInSeconds": -1,
                },
            },
        },
    }


def machine_notice(event_id: str, vm: str, *, now: datetime, lead: timedelta) -> Json:
    """Write a maintenance notice about one VM that stands alone: it is to be redeployed."""
    known = notice(event_id, (0,), now=now, kind="Redeploy", lead=lead)
    about = f"{vm}/providers/Microsoft.Maintenance/scheduledEvents/{event_id}"
    known["subject"] = known["data"]["resourceInfo"]["id"] = about
    known["data"]["resourceInfo"]["properties"]["Resources"] = [vm.rpartition("/")[2]]
    return known


def degraded(event_id: str, vm: str, *, now: datetime) -> Json:
    """Write a health annotation: the host of a VM is failing."""
    name = "VirtualMachineMigrationScheduledForDegradedHardware"
    return _annotation(event_id, vm, name, "This virtual machine's host fails.", now)


def preempted(event_id: str, machine: str, *, now: datetime) -> Json:
    """Write a health annotation: a spot machine was taken."""
    name = "VirtualMachinePreempted"
    return _annotation(event_id, machine, name, "The spot machine was evicted.", now)


def _annotation(event_id: str, vm: str, name: str, summary: str, now: datetime) -> Json:
    kind = "/virtualMachines" if "/virtualMachineScaleSets/" in vm else ""
    scope = "virtualMachineScaleSets" if kind else "virtualMachines"
    about = f"{vm}/providers/Microsoft.ResourceHealth/resourceAnnotations/current"
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/subscriptions/{world.SUBSCRIPTION}",
        "subject": vm,
        "type": "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated",
        "time": _stamp(now),
        "data": {
            "apiVersion": "2022-08-01",
            "operationalInfo": {"resourceEventTime": _stamp(now)},
            "resourceInfo": {
                "id": about,
                "name": "current",
                "type": "Microsoft.ResourceHealth/resourceAnnotations",
                "properties": {
                    "targetResourceId": vm,
                    "targetResourceType": f"Microsoft.Compute/{scope}{kind}",
                    "occurredTime": _stamp(now),
                    "annotationName": name,
                    "reason": summary,
                    "summary": summary,
                    "context": "Platform Initiated",
                    "category": "Planned",
                    "impactType": "Informational",
                },
            },
        },
    }


def failing_tasks(
    alert_id: str, account: str, *, now: datetime, metric: str = "TaskFailEvent"
) -> Json:
    """Write what an action group posts when Batch tasks fail, or nodes are unusable."""
    start = now - timedelta(minutes=5)
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "alertId": f"/subscriptions/{world.SUBSCRIPTION}/providers/"
                f"Microsoft.AlertsManagement/alerts/{alert_id}",
                "alertRule": "render-tasks-fail",
                "severity": "Sev2",
                "signalType": "Metric",
                "monitorCondition": "Fired",
                "monitoringService": "Platform",
                "alertTargetIDs": [account.lower()],
                "configurationItems": [account.rpartition("/")[2]],
                "originAlertId": f"{alert_id}_origin",
                "firedDateTime": _stamp(now),
                "description": "Tasks of the render account fail",
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
            },
            "alertContext": {
                "properties": None,
                "conditionType": "SingleResourceMultipleMetricCriteria",
                "condition": {
                    "windowSize": "PT5M",
                    "allOf": [
                        {
                            "metricName": metric,
                            "metricNamespace": "Microsoft.Batch/batchAccounts",
                            "operator": "GreaterThan",
                            "threshold": "0",
                            "timeAggregation": "Total",
                            "dimensions": [],
                            "metricValue": 2.0,
                        }
                    ],
                    "windowStartTime": _stamp(start),
                    "windowEndTime": _stamp(now),
                },
            },
        },
    }
