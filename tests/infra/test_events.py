"""What Event Grid is asked for is what the parsers read, and it goes where they listen."""

from __future__ import annotations

import json

from cli.audit_columns import DEPLOYED, deployed
from shared.core.beats import BEAT_TYPE
from shared.parsing import (
    container_service_events,
    health_resources,
    kubernetes_service,
    machine_learning,
    maintenance_configurations,
    resource_events,
    scheduled_events,
)
from tests.infra.bicep import INFRA, literal, read, walk

EVENT_GRID = INFRA / "modules" / "eventgrid.bicep"
READ = {
    *scheduled_events.EVENT_TYPES,
    scheduled_events.DOCUMENT_TYPE,
    BEAT_TYPE,
    *container_service_events.EVENT_TYPES,
    *health_resources.EVENT_TYPES,
    *resource_events.EVENT_TYPES,
    *machine_learning.EVENT_TYPES,
    *kubernetes_service.EVENT_TYPES,
    *maintenance_configurations.EVENT_TYPES,
}
# Read, and not asked for: other names that the vendor's pages give one notice, and
# changes of resources that did not fail, of which every deployment makes hundreds.
NOT_ASKED = {
    *scheduled_events.EVENT_TYPES[1:],
    *(name for name in resource_events.EVENT_TYPES if not name.endswith("Failure")),
}


def texts(path):
    """Give every plain text of a file."""
    found = (literal(node) for node in walk(read(path).root))
    return {text for text in found if text}


def test_every_event_that_is_read_is_asked_for_and_no_other():
    """An event nobody subscribed to never arrives; one nobody reads is paid for in vain."""
    starts = ("Nightshift.", "Microsoft.ResourceNotifications.", "Microsoft.Resources.R")
    starts += ("Microsoft.MachineLearningServices.", "Microsoft.ContainerService.")
    starts += ("Microsoft.Maintenance.P",)
    ends = ("Resources", ".Workspaces", ".ManagedClusters")  # these are topic types
    asked = {text for text in texts(EVENT_GRID) if text.startswith(starts)}
    asked = {text for text in asked if not text.endswith(ends)}
    assert READ - NOT_ASKED == asked


def test_what_is_urgent_goes_to_the_function_that_is_there():
    """Event Grid refuses a subscription to a function that does not exist."""
    source = EVENT_GRID.read_text(encoding="utf-8")
    assert "/functions/on_maintenance_event'" in source


def test_the_tables_that_are_deployed_have_the_columns_that_are_sent():
    """A column that the table lacks is dropped by the service without a word."""
    assert deployed() == DEPLOYED.read_text(encoding="utf-8")


def test_every_column_has_a_type_that_table_and_rule_know():
    """The rule spells one of them in lower case, which ``logs.bicep`` sees to.

    Source: https://learn.microsoft.com/rest/api/loganalytics/tables/create-or-update,
    https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-rule-structure
    """
    table = {"string", "int", "long", "real", "boolean", "dateTime", "guid", "dynamic"}
    rule = {"string", "int", "long", "real", "boolean", "datetime", "dynamic"}
    types = {one["type"] for its in json.loads(deployed()).values() for one in its}
    assert types <= table
    assert {one.lower() for one in types} <= rule


def test_every_table_has_the_column_that_log_analytics_asks_for():
    """Without a ``TimeGenerated`` of type datetime a table is refused."""
    for columns in json.loads(deployed()).values():
        assert {"TimeGenerated": "dateTime"}.items() <= {
            one["name"]: one["type"] for one in columns
        }.items()
