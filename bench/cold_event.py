"""A process that takes in one Event Grid event as the Functions worker would.

``bench/start.py`` runs it: it imports the app, hands the event on its standard input to
the function that the app registered, and ends when that function returns.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import azure.functions as func

import function_app


def event_of(fields: dict[str, Any]) -> func.EventGridEvent:
    """Build what the worker's binding builds from an event of the Event Grid schema."""
    return func.EventGridEvent(
        id=fields["id"],
        data=fields["data"],
        topic=fields["topic"],
        subject=fields["subject"],
        event_type=fields["eventType"],
        event_time=datetime.fromisoformat(fields["eventTime"]),
        data_version=fields["dataVersion"],
    )


def user_function(app: func.FunctionApp, name: str) -> Any:
    """Return the function that the app registered under a name, given a context."""
    [found] = [f for f in app.get_functions() if f.get_function_name() == name]
    context = SimpleNamespace(trace_context=SimpleNamespace(trace_parent=""))
    return partial(found.get_user_function(), context=context)


if __name__ == "__main__":
    handle = user_function(function_app.app, "on_maintenance_event")
    asyncio.run(handle(event_of(json.loads(sys.stdin.read()))))
