"""What the app makes of its environment, and what it says when that is wrong."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta

import pytest

from shared.adapters.settings_env import read_settings
from shared.adapters.settings_values import READERS
from shared.core.errors import InvalidSetting
from shared.core.settings import Settings

SECRET = "c2VjcmV0IGtleQ=="
STRING = f"DefaultEndpointsProtocol=https;AccountName=night;AccountKey={SECRET}"
LEAST = {"AzureWebJobsStorage": STRING}
GUID = "6DAE42F8-4368-4678-94ff-3960e28e3630"
OWN = f"/subscriptions/{GUID}/resourceGroups/nightshift"
WORKSPACE = (
    f"/subscriptions/{GUID}/resourceGroups/g/providers"
    "/Microsoft.MachineLearningServices/workspaces/w"
)


def refusal(environ: dict[str, str]) -> str:
    """What is said about an environment that is wrong."""
    with pytest.raises(InvalidSetting) as caught:
        read_settings(environ)
    return str(caught.value)


def test_only_storage_must_be_set():
    """Everything else has a default that works in the public cloud."""
    assert Settings(storage=STRING) == read_settings(LEAST)


def test_every_setting_can_be_read():
    """A new field without a reader would be a setting that cannot be set."""
    assert {each.name for each in fields(Settings)} == set(READERS)


def test_everything_set_is_read():
    """Each variable ends in its own field, in the form the app works with."""
    settings = read_settings(
        {
            "AzureWebJobsStorage__accountName": "night",
            "NIGHTSHIFT_STORAGE_SUFFIX": "core.usgovcloudapi.net",
            "AZURE_CLIENT_ID": GUID,
            "NIGHTSHIFT_RESOURCE_MANAGER": "https://localhost:8443/",
            "NIGHTSHIFT_METRICS_ENDPOINT": "https://{region}.metrics.localhost:8443",
            "NIGHTSHIFT_SUBSCRIPTIONS": f" {GUID}, {GUID.lower()} ,",
            "NIGHTSHIFT_WORKSPACES": WORKSPACE,
            "NIGHTSHIFT_RULES": "rules, more",
            "NIGHTSHIFT_LEASE": "1m30s",
            "NIGHTSHIFT_EVENT_BUDGET": "25s",
            "NIGHTSHIFT_DRY_RUN": "True",
            "NIGHTSHIFT_PROTECTED_TAGS": "frozen, tier = gold",
            "NIGHTSHIFT_PROTECTED_NAMES": "prod-*,dc?",
            "NIGHTSHIFT_OWN_RESOURCES": OWN + "/",
            "NIGHTSHIFT_APP_SERVICE_AUTH": "true",
            "PATH": "/bin",
            "NIGHTSHIFT_PLAN_BUDGET": "",
        }
    )
    assert settings == Settings(
        storage_account="night",
        storage_suffix="core.usgovcloudapi.net",
        client_id=GUID.lower(),
        resource_manager="https://localhost:8443",
        metrics_endpoint="https://{region}.metrics.localhost:8443",
        subscriptions=(GUID.lower(),),
        workspaces=(WORKSPACE,),
        rules=("rules", "more"),
        lease=timedelta(seconds=90),
        event_budget=timedelta(seconds=25),
        dry_run=True,
        protected_tags=("frozen", "tier=gold"),
        protected_names=("prod-*", "dc?"),
        own_resources=(OWN,),
        app_service_auth=True,
    )


def test_the_group_that_the_app_runs_in_is_its_own():
    """The platform says which; a setting says otherwise where others live there too."""
    told = {
        **LEAST,
        "WEBSITE_OWNER_NAME": f"{GUID}+webspace-West-Europewebspace-Linux",
        "WEBSITE_RESOURCE_GROUP": "rg-night",
    }
    here = f"/subscriptions/{GUID.lower()}/resourceGroups/rg-night"
    assert (here,) == read_settings(told).own_resources
    said = {**told, "NIGHTSHIFT_OWN_RESOURCES": OWN}
    assert (OWN,) == read_settings(said).own_resources


@pytest.mark.parametrize(
    "told",
    [
        {"WEBSITE_OWNER_NAME": "x+y", "WEBSITE_RESOURCE_GROUP": "rg"},
        {"WEBSITE_OWNER_NAME": f"{GUID}+y"},
        {"WEBSITE_RESOURCE_GROUP": "rg"},
        {"WEBSITE_OWNER_NAME": f"{GUID}+y", "WEBSITE_RESOURCE_GROUP": "a/b"},
    ],
)
def test_what_the_platform_does_not_say_whole_is_not_guessed(told):
    """Off Azure there is no such place."""
    assert () == read_settings({**LEAST, **told}).own_resources


def test_storage_by_three_endpoints():
    """The other form in which the Functions host takes an identity."""
    environ = {
        f"AzureWebJobsStorage__{kind}ServiceUri": f"https://n.{kind}.core.windows.net"
        for kind in ("blob", "queue", "table")
    }
    assert "https://n.queue.core.windows.net" == read_settings(environ).storage_queue_uri
    del environ["AzureWebJobsStorage__blobServiceUri"]
    assert "AzureWebJobsStorage__blobServiceUri is missing" in refusal(environ)


def test_storage_is_needed():
    """Without it nothing can be promised; both ways to give it are named."""
    text = refusal({})
    assert "AzureWebJobsStorage is missing" in text
    assert "AzureWebJobsStorage__accountName" in text


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("AzureWebJobsStorage__accountName", "Night_1", "3 to 24 lower-case"),
        ("AzureWebJobsStorage__queueServiceUri", "http://n", "https://"),
        ("NIGHTSHIFT_STORAGE_SUFFIX", "https://x.y", "a domain"),
        ("AZURE_CLIENT_ID", "me", "'me' is not a GUID"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "http://management.azure.com", "https://"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "management.azure.com", "https://"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "https://", "https://"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "https://u:p@x", "a user"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "https://x?y=1", "a query"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "https://x:99999", "not an address"),
        ("NIGHTSHIFT_RESOURCE_MANAGER", "https://[::1", "not an address"),
        ("NIGHTSHIFT_METRICS_ENDPOINT", "https://{zone}.x", "https://"),
        ("NIGHTSHIFT_METRICS_AUDIENCE", "metrics", "https://"),
        ("NIGHTSHIFT_BATCH_AUDIENCE", "batch", "https://"),
        ("NIGHTSHIFT_KUBERNETES_AUDIENCE", "aks", "'aks' is not a GUID"),
        ("NIGHTSHIFT_SUBSCRIPTIONS", f"{GUID},x", "'x' is not a GUID"),
        ("NIGHTSHIFT_SUBSCRIPTIONS", ",", "only commas"),
        ("NIGHTSHIFT_WORKSPACES", "/x", "not an ARM id"),
        ("NIGHTSHIFT_WORKSPACES", f"/subscriptions/{GUID}", "not a workspace"),
        ("NIGHTSHIFT_RULES", ",,", "only commas"),
        ("NIGHTSHIFT_PROTECTED_TAGS", "=gold", "is no tag"),
        ("NIGHTSHIFT_PROTECTED_TAGS", "tier=", "write NAME or NAME=VALUE"),
        ("NIGHTSHIFT_PROTECTED_NAMES", "prod-*,*", "set a pause"),
        ("NIGHTSHIFT_OWN_RESOURCES", "nightshift", "not an ARM id"),
        ("NIGHTSHIFT_OWN_RESOURCES", f"/subscriptions/{GUID}", "name resource groups"),
        ("NIGHTSHIFT_APP_SERVICE_AUTH", "yes", "neither true nor false"),
        ("NIGHTSHIFT_LEASE", "9s", "between 10s and 10m"),
        ("NIGHTSHIFT_LEASE", "11m", "between 10s and 10m"),
        ("NIGHTSHIFT_LEASE", "30", "not a duration"),
        ("NIGHTSHIFT_LEASE", "9" * 30 + "d", "longer than a calendar"),
        ("NIGHTSHIFT_EVENT_BUDGET", "26s", "between 1s and 25s"),
        ("NIGHTSHIFT_PLAN_BUDGET", "5m", "between 10s and 4m30s"),
        ("NIGHTSHIFT_DRY_RUN", "yes", "neither true nor false"),
        ("NIGHTSHIFT_ARCHIVE_DAYS", "-1", "not a whole number from 0 to 3650"),
        ("NIGHTSHIFT_ARCHIVE_DAYS", "3651", "not a whole number from 0 to 3650"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_may_be(variable: str, value: str, why: str):
    """One look at the message is enough to put it right."""
    text = refusal({**LEAST, variable: value})
    meaning = next(
        e.metadata["meaning"] for e in fields(Settings) if e.metadata["variable"] == variable
    )
    assert f"setting {variable} is {value!r}" in text
    assert why in text
    assert f"it may be: {meaning}" in text


@pytest.mark.parametrize(
    "string",
    [
        f"AccountKey={SECRET}",
        SECRET,
        "UseDevelopmentStorage=true",
        f"AccountName=x;Key={SECRET}",
    ],
)
def test_a_wrong_connection_string_is_not_shown(string: str):
    """It may hold the key to everything, however wrong it is."""
    text = refusal({"AzureWebJobsStorage": string})
    assert "setting AzureWebJobsStorage (not shown)" in text
    assert SECRET not in text
    assert string not in text


def test_settings_never_show_the_connection_string():
    """Values get logged."""
    assert SECRET not in repr(read_settings(LEAST))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("NIGHTSHIFT_LEAES", "did you mean NIGHTSHIFT_LEASE?"),
        ("nightshift_lease", "did you mean NIGHTSHIFT_LEASE?"),
        ("NIGHTSHIFT_DRYRUN", "did you mean NIGHTSHIFT_DRY_RUN?"),
        ("NIGHTSHIFT_QQQQQQQQQQQQQQ", "there are NIGHTSHIFT_RULES_CANARY"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(typed: str, meant: str):
    """A dry run that was misspelt would act."""
    text = refusal({**LEAST, typed: "true"})
    assert f"setting {typed} is not known: {meant}" in text


def test_all_problems_are_told_at_once():
    """A restart for each mistake is how a night is lost."""
    text = refusal({"NIGHTSHIFT_LEASE": "x", "NIGHTSHIFT_DRY_RUN": "x", "NIGHTSHIFT_X": "x"})
    told = re.findall(r"^setting (\w+)", text, re.MULTILINE)
    assert ["NIGHTSHIFT_X", "NIGHTSHIFT_LEASE", "NIGHTSHIFT_DRY_RUN"] == told[:3]
    assert "AzureWebJobsStorage" == told[3]


@pytest.mark.parametrize("name", ["lease", "event_budget", "plan_budget"])
def test_the_bounds_that_are_told_are_the_bounds(name: str):
    """The documentation is made from the meaning; it must not lie."""
    field = next(each for each in fields(Settings) if each.name == name)
    least, most = re.findall(r"(\d+[smh]) to (\d+[smh])", field.metadata["meaning"])[0]
    read = READERS[name]
    assert read(least) < read(most)
    for beyond in ("0.9s", "11m"):
        with pytest.raises(ValueError, match=f"between {least} and {most}"):
            read(beyond)


def test_half_a_way_to_log_analytics_is_refused():
    """An endpoint without its rule would look configured and export nothing."""
    said = refusal(
        {**LEAST, "NIGHTSHIFT_INGESTION_ENDPOINT": "https://a.ingest.monitor.azure.com"}
    )
    assert "NIGHTSHIFT_INGESTION_RULE is missing beside NIGHTSHIFT_INGESTION_ENDPOINT" in said


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("NIGHTSHIFT_OUTCOME_TOPIC", "https://t.eventgrid.azure.net", "/api/events"),
        ("NIGHTSHIFT_OUTCOME_TOPIC", "http://t.eventgrid.azure.net/api/events", "https://"),
        ("NIGHTSHIFT_INGESTION_RULE", "my-rule", "immutable id"),
        ("NIGHTSHIFT_PLANS_STREAM", "NightshiftPlans_CL", "Custom-"),
    ],
)
def test_an_address_that_could_take_nothing_is_refused(name, text, why):
    """Each is a mistake that Azure would answer with 404 for as long as the app runs."""
    said = refusal({**LEAST, name: text})
    assert name in said
    assert why in said
