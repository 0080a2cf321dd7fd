"""What is deployed is what the app reads: settings, queues, containers, tables, functions."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from shared.adapters.settings_env import read_settings
from shared.core.settings import Settings
from tests.infra.bicep import INFRA, pair, pairs, read, text, walk
from tests.wiring.trigger_table import QUEUES

ROOT = Path(__file__).parents[2]
NAMES = json.loads((INFRA / "modules" / "names.json").read_text(encoding="utf-8"))
KNOWN = {f.metadata["variable"] for f in fields(Settings)}
SECRET = {f.metadata["variable"] for f in fields(Settings) if not f.repr}
# What the host, the platform or a library reads, beside the app.
PLATFORM = {
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
# Never deployed: a connection string has a key, and the account's name says the same.
NEVER = {
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__tableServiceUri",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__blobServiceUri",
}
# Left at their defaults, or given by whoever deploys, in `settings` or in the vault.
GIVEN = {
    "NIGHTSHIFT_APPROVER_ROLE",
    "NIGHTSHIFT_BATCH_AUDIENCE",
    "NIGHTSHIFT_DECISIONS_STREAM",
    "NIGHTSHIFT_EVENT_BUDGET",
    "NIGHTSHIFT_INGESTION_AUDIENCE",
    "NIGHTSHIFT_KUBERNETES_AUDIENCE",
    "NIGHTSHIFT_LEASE",
    "NIGHTSHIFT_LINK_KEYS",
    "NIGHTSHIFT_METRICS_AUDIENCE",
    "NIGHTSHIFT_METRICS_ENDPOINT",
    "NIGHTSHIFT_OUTCOME_AUDIENCE",
    "NIGHTSHIFT_PLANS_STREAM",
    "NIGHTSHIFT_PLAN_BUDGET",
    "NIGHTSHIFT_PRICES",
    "NIGHTSHIFT_PROTECTED_NAMES",
    "NIGHTSHIFT_PROTECTED_TAGS",
    "NIGHTSHIFT_RESOURCE_MANAGER_AUDIENCE",
    "NIGHTSHIFT_RULES",
    "NIGHTSHIFT_RULES_CANARY",
    "NIGHTSHIFT_RULES_CANARY_FAILURES",
    "NIGHTSHIFT_RULES_CANARY_SOAK",
    "NIGHTSHIFT_RULES_POLL",
    "NIGHTSHIFT_RUNBOOK_APPROVAL",
    "NIGHTSHIFT_SLACK_APPROVERS",
    "NIGHTSHIFT_SLACK_REPLY_HOSTS",
    "NIGHTSHIFT_SLACK_SIGNING_SECRET",
    "NIGHTSHIFT_SLACK_WEBHOOK",
    "NIGHTSHIFT_SLURM",
    "NIGHTSHIFT_SLURM_KEY",
    "NIGHTSHIFT_STEPS_STREAM",
    "NIGHTSHIFT_TEAMS_WEBHOOK",
    "NIGHTSHIFT_TEAM_TAG",
    "NIGHTSHIFT_URL",
    "NIGHTSHIFT_WEBHOOK_KEY",
    "NIGHTSHIFT_WEBHOOK_URL",
}


def template(name):
    """Read one of the modules, or main."""
    return read(INFRA / f"{name}.bicep")


def deployed():
    """Collect the app settings that Bicep writes, with their values as they stand there."""
    app = template("main").named["app"].body
    written = [
        template("main").named["ownSettings"],
        template("modules/app").named["platformSettings"],
    ]
    written.append(template("modules/app").named["signInSettings"])
    given = next(n for n in walk(pair(pair(app, "params"), "settings")) if n.type == "object")
    objects = [one.node.named_children[-1] for one in written] + [given]
    return [(name, text(value)) for each in objects for name, value in pairs(each)]


def value_of(path, *names):
    """Follow names down a resource's body to the text of a value."""
    file, symbol = path
    node = template(file).named[symbol].body
    for name in names:
        node = pair(node, name)
        assert node is not None, f"{file}.bicep has no {'.'.join(names)} at {symbol}"
    return text(node)


def test_every_app_setting_is_one_that_somebody_reads():
    """A misspelt NIGHTSHIFT_ name stops the app; another is a wish that nobody hears."""
    names = [name for name, _ in deployed()]
    assert [n for n in names if n not in KNOWN | PLATFORM] == []
    assert sorted(set(names)) == sorted(names)


def test_every_setting_of_the_app_is_deployed_or_left_to_a_person_on_purpose():
    """A new setting must be decided about here, or it could be set by nobody."""
    written = {name for name, _ in deployed()} & KNOWN
    assert KNOWN == written | GIVEN | NEVER
    assert set() == (written & GIVEN) | (written & NEVER)


def test_no_secret_is_written_into_a_template():
    """Secrets come from the vault; what authenticates nobody may be written."""
    assert {"APPLICATIONINSIGHTS_CONNECTION_STRING"} == {n for n, _ in deployed()} & SECRET


def test_what_is_deployed_is_taken_by_the_app():
    """Each value has the form that the reader of settings asks for."""
    subscription = "5f0ac1d2-0000-4000-8000-000000000001"
    group = f"/subscriptions/{subscription}/resourceGroups/rg"
    run_time = {
        "AzureWebJobsStorage__accountName": "stnight0123456789abc",
        "AZURE_CLIENT_ID": subscription,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0",
        "NIGHTSHIFT_RESOURCE_MANAGER": "https://management.azure.com/",
        "NIGHTSHIFT_STORAGE_SUFFIX": "core.windows.net",
        "NIGHTSHIFT_SIGN_IN": "https://login.microsoftonline.com/",
        "NIGHTSHIFT_SUBSCRIPTIONS": subscription,
        "NIGHTSHIFT_WORKSPACES": "",
        "NIGHTSHIFT_OWN_RESOURCES": group,
        "NIGHTSHIFT_ARCHIVE_DAYS": "30",
        "NIGHTSHIFT_ACKNOWLEDGE": "forwarder",
        "NIGHTSHIFT_DRY_RUN": "false",
        "NIGHTSHIFT_RULES_CONTAINER": NAMES["rulesContainer"],
        "NIGHTSHIFT_APP_SERVICE_AUTH": "true",
        "NIGHTSHIFT_ALERT_ROLE": "ActionGroups",
        "NIGHTSHIFT_ASK_ROLES": "false",
        "NIGHTSHIFT_TENANT": subscription,
        "NIGHTSHIFT_AUDIENCE": f"{subscription},api://{subscription}",
        "NIGHTSHIFT_TELEMETRY": "true",
        "NIGHTSHIFT_INGESTION_ENDPOINT": "https://a-b.westeurope-1.ingest.monitor.azure.com",
        "NIGHTSHIFT_INGESTION_RULE": f"dcr-{'0' * 32}",
        "NIGHTSHIFT_OUTCOME_TOPIC": "https://t.westeurope-1.eventgrid.azure.net/api/events",
    }
    assert {name for name, _ in deployed()} - PLATFORM == set(run_time)
    settings = read_settings(run_time)
    assert (group,) == settings.own_resources
    assert "https://login.microsoftonline.com" == settings.sign_in


def test_the_bindings_connection_is_the_one_that_identity_opens():
    """Every trigger names AzureWebJobsStorage: the host looks for what follows two lines."""
    prefix = {n.partition("__")[0] for n, _ in deployed() if "__" in n and "WebJobs" in n}
    assert {"AzureWebJobsStorage"} == prefix


def test_the_queues_are_those_of_the_triggers():
    """Event Grid writes into one, the host reads all of them."""
    assert set(QUEUES.values()) == {NAMES["eventsQueue"], *NAMES["queues"]}
    assert QUEUES["on_platform_event"] == NAMES["eventsQueue"]


def test_the_containers_are_those_of_the_app():
    """The app's own, that of the rules, and two that others write into."""
    source = (ROOT / "shared/adapters/settings_values.py").read_text(encoding="utf-8")
    own = re.search(r"_OWN_CONTAINERS = frozenset\(\s*(f\".*?)\n\)", source, re.DOTALL)
    named = re.findall(r'"([a-z]+)"', own[1].partition(" in ")[2])
    wanted = {f"nightshift-{what}" for what in named} | {NAMES["rulesContainer"]}
    assert wanted == set(NAMES["containers"])
    assert NAMES["archiveContainer"] in wanted
    assert len({*wanted, NAMES["packageContainer"], NAMES["deadLetterContainer"]}) == 6


def tables():
    """Find the tables that the adapters name, as the first argument of their store."""
    found = set()
    for path in sorted((ROOT / "shared" / "adapters").glob("table_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                constants |= _constants(node.targets[0], node.value)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and "_store." in ast.unparse(node.func)
                and node.args
            ):
                found |= _table(node.args[0], constants, path)
    return found


def _constants(target, value):
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        each = zip(target.elts, value.elts, strict=True)
        return {t.id: v.value for t, v in each if isinstance(v, ast.Constant)}
    if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
        return {target.id: value.value}
    return {}


def _table(argument, constants, path):
    if isinstance(argument, ast.Constant):
        return {f"Nightshift{argument.value}"}
    if isinstance(argument, ast.Name) and argument.id in constants:
        return {f"Nightshift{constants[argument.id]}"}
    return set()


def test_the_tables_are_those_of_the_app():
    """A new one is written into infra/bicep/modules/names.json."""
    assert sorted(tables()) == NAMES["tables"]


def test_what_is_always_ready_is_the_function_that_has_no_time():
    """A group that names no function is refused, or keeps the wrong one warm."""
    assert "'function:on_maintenance_event'" in text(
        template("modules/app").named["alwaysReady"].node
    )
    assert value_of(
        ("modules/app", "app"), "properties", "functionAppConfig", "runtime", "name"
    )


def test_the_host_is_what_the_plan_takes():
    """Flex Consumption takes the bundle from 4.0 on and Python as the host's own runtime.

    Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations
    """
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensionBundle"]["version"].startswith("[4.")
    runtime = ("properties", "functionAppConfig", "runtime")
    assert "'python'" == value_of(("modules/app", "app"), *runtime, "name")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    least = re.search(r'requires-python = ">=3\.(\d+)"', project)[1]
    versions = re.findall(r"'3\.(\d+)'", decorators("main", "pythonVersion"))
    assert versions
    assert min(map(int, versions)) >= int(least)


def decorators(file, name):
    """Give what stands above a declaration."""
    return text(template(file).named[name].node.prev_named_sibling)


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("allowSharedKeyAccess",), "false"),
        (("allowBlobPublicAccess",), "false"),
        (("minimumTlsVersion",), "'TLS1_2'"),
        (("supportsHttpsTrafficOnly",), "true"),
    ],
)
def test_no_key_opens_the_ledger(names, value):
    """Whoever has a key of the account can rewrite what Nightshift did."""
    assert value == value_of(("modules/storage", "account"), "properties", *names)


def test_the_parameters_are_those_of_the_template():
    """The compiler refuses another; nobody runs it here."""
    given = set(read(INFRA / "main.bicepparam").named)
    takes = template("main").of("param")
    assert given <= {one.name for one in takes}
    assert {one.name for one in takes if not one.has_default} <= given


def test_azd_finds_the_template_the_app_and_its_hook():
    """Azd knows the app by a tag, and the hook subscribes it."""
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    infra, ((service, its),) = azure["infra"], azure["services"].items()
    assert INFRA / "main.bicep" == ROOT / infra["path"] / f"{infra['module']}.bicep"
    assert f"'azd-service-name': '{service}'" in value_of(("modules/app", "app"), "tags")
    assert {"host": "function", "language": "python", "remoteBuild": False} == {
        key: value for key, value in its.items() if key != "project"
    }
    hook = ROOT / azure["hooks"]["postdeploy"]["posix"]["run"]
    assert hook.stat().st_mode & 0o111
    source = (INFRA / "main.bicepparam").read_text(encoding="utf-8")
    assert "NIGHTSHIFT_SUBSCRIBED" in hook.read_text(encoding="utf-8")
    assert "readEnvironmentVariable('NIGHTSHIFT_SUBSCRIBED'" in source


def rows(heading):
    """Read what the first cells of a table of DEPLOY.md name."""
    page = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_parameter_is_explained():
    """It is all that somebody with an empty subscription has to go by."""
    assert sorted(one.name for one in template("main").of("param")) == sorted(
        rows("Parameters")
    )


def test_every_module_is_in_the_list_of_what_is_made():
    """A security review asks what there will be."""
    called = {Path(one.what).stem for one in template("main").of("module")}
    assert called == set(rows("What it makes"))
