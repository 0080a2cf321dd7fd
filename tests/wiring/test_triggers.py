"""What the Functions host is told: names that others rely on, and how each is guarded."""

import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from tests.wiring.trigger_table import HTTP, QUEUES, TIMERS

ROOT = Path(__file__).parents[2]
STORAGE = "AzureWebJobsStorage"
HEAVY = (
    "aiohttp",
    "azure.ai",
    "azure.batch",
    "azure.data",
    "azure.identity",
    "azure.mgmt",
    "azure.monitor",
    "azure.storage",
    "cel",
    "cryptography",
    "jwt",
    "pydantic",
    "yaml",
)


@functools.cache
def functions():
    """Index a fresh copy of the app: an app can be indexed only once."""
    spec = importlib.util.spec_from_file_location("indexed_app", ROOT / "function_app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(module.app.get_functions())


def triggers(kind):
    """Return the bindings of one kind by function, as the host reads them."""
    found = {}
    for function in functions():
        for binding in function.get_bindings():
            shown = binding.get_dict_repr()
            if shown["type"] == kind:
                found[function.get_function_name()] = shown
    return found


def test_the_routes_are_those_that_are_documented():
    """Action groups, scripts and people hold these addresses; a rename breaks them quietly."""
    shown = {
        name: (
            ",".join(method.value for method in one["methods"]),
            one["route"],
            one["authLevel"].name,
        )
        for name, one in triggers("httpTrigger").items()
    }
    assert HTTP == shown


def test_nothing_but_health_and_what_checks_by_itself_is_anonymous():
    """A new route without a key would let a stranger drain a cluster.

    A person opens an approval's page in a browser, which has no key: both its routes ask
    for a signed link or a sign-in themselves. That strangers get nothing there is shown in
    ``tests/unit/handlers/test_approvals.py`` and, over HTTP, in ``tests/e2e``. Slack has no
    key either and signs what it sends: ``tests/unit/handlers/test_slack.py``.
    """
    is_open = {
        n for n, one in triggers("httpTrigger").items() if one["authLevel"].name == "ANONYMOUS"
    }
    assert is_open == {"health", "show_approval", "decide_approval", "on_slack_action"}


def test_the_queues_are_those_that_event_grid_and_the_engine_fill():
    """Event Grid's subscriptions name ``platform-events``, the engine writes to ``plans``."""
    shown = triggers("queueTrigger")
    assert {name: one["queueName"] for name, one in shown.items()} == QUEUES
    assert {one["connection"] for one in shown.values()} == {STORAGE}


def test_every_queue_has_a_reader_of_its_poison():
    """What failed every time must end in the quarantine, not in a forgotten queue."""
    names = set(QUEUES.values())
    assert {f"{n}-poison" for n in names if not n.endswith("-poison")} < names


def test_the_timers_run_as_documented():
    """The sweep's period bounds how long a crash can leave a plan alone."""
    shown = {
        name: (one["schedule"], one.get("useMonitor"))
        for name, one in triggers("timerTrigger").items()
    }
    assert TIMERS == shown


def test_one_function_is_called_by_event_grid():
    """The subscription's webhook address holds this function's name."""
    assert set(triggers("eventGridTrigger")) == {"on_maintenance_event"}


def test_every_function_has_exactly_one_trigger_we_know():
    """A function of another kind would be in none of the tables above."""
    names = [f.get_function_name() for f in functions()]
    assert sorted([*HTTP, *QUEUES, *TIMERS, "on_maintenance_event"]) == sorted(names)


def test_the_host_keeps_poison_and_gives_a_plan_its_time():
    """Queue settings decide when a message is poison, and the budget must fit the timeout."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    queues = host["extensions"]["queues"]
    assert queues["maxDequeueCount"] == 5
    assert queues["messageEncoding"] == "base64"
    assert queues["visibilityTimeout"] == "00:00:30"
    assert host["extensions"]["http"]["routePrefix"] == "api"
    assert host["functionTimeout"] == "00:05:00"


def test_importing_the_app_loads_no_library_of_azure_or_of_the_rules():
    """A cold start pays for what its first event needs, and not for every SDK we ship."""
    code = "import sys, function_app; print('\\n'.join(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = ran.stdout.split()
    assert "function_app" in loaded
    assert [m for m in loaded for h in HEAVY if m == h or m.startswith(f"{h}.")] == []
