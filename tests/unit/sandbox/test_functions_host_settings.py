"""What host.json and app settings mean, and how a wrong one is refused."""

import json
from datetime import timedelta

import pytest

from sandbox.functions_host.app_settings import (
    load_settings_file,
    resolve,
    storage_connection,
)
from sandbox.functions_host.errors import HostJsonRefused, SettingRefused
from sandbox.functions_host.host_json import QueueOptions, read_host_json


def written(folder, document):
    path = folder / "host.json"
    path.write_text(json.dumps(document))
    return path


def test_a_bare_host_json_means_the_documented_defaults(tmp_path):
    """An app tuned by accident of our defaults would behave differently in Azure."""
    options = read_host_json(written(tmp_path, {"version": "2.0"}))
    assert ("api", timedelta(minutes=30)) == (options.route_prefix, options.function_timeout)
    assert (
        QueueOptions(16, 8, timedelta(0), 5, timedelta(minutes=1), "base64") == options.queues
    )


def test_what_host_json_says_is_what_is_used(tmp_path):
    """Each value acted upon is read."""
    queues = {
        "batchSize": 4,
        "visibilityTimeout": "00:00:30",
        "maxDequeueCount": 2,
        "maxPollingInterval": "00:00:02.5000000",
        "messageEncoding": "none",
    }
    document = {
        "version": "2.0",
        "functionTimeout": "-1",
        "extensions": {"http": {"routePrefix": ""}, "queues": queues},
    }
    options = read_host_json(written(tmp_path, document))
    assert ("", None) == (options.route_prefix, options.function_timeout)
    expected = QueueOptions(4, 2, timedelta(seconds=30), 2, timedelta(seconds=2.5), "none")
    assert expected == options.queues


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({}, "version"),
        ([], "version"),
        ({"version": "2.0", "functionTimeout": "ten"}, "functionTimeout"),
        ({"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}, "1 to 32"),
        ({"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 0}}}, "1 or more"),
        ({"version": "2.0", "extensions": {"queues": {"batchSize": "4"}}}, "batchSize"),
        (
            {"version": "2.0", "extensions": {"queues": {"visibilityTimeout": 30}}},
            "visibility",
        ),
        ({"version": "2.0", "extensions": {"queues": {"messageEncoding": "hex"}}}, "base64"),
        ({"version": "2.0", "extensions": []}, "host.json"),
    ],
)
def test_a_wrong_host_json_is_refused_by_name(tmp_path, document, word):
    """The message names the key and what it may be."""
    with pytest.raises(HostJsonRefused, match=word):
        read_host_json(written(tmp_path, document))


def test_a_missing_host_json_is_refused(tmp_path):
    """A folder without one is no function app."""
    with pytest.raises(HostJsonRefused, match="missing"):
        read_host_json(tmp_path / "host.json")


def test_the_environment_wins_over_the_settings_file(tmp_path):
    """As with `func start`: the file is the floor."""
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"Values": {"A": "file", "B": "file"}}))
    environment = {"A": "environment"}
    load_settings_file(path, environment)
    assert {"A": "environment", "B": "file"} == environment


@pytest.mark.parametrize("text", ["[]", "{", '{"Values": 1}', '{"Values": {"A": 1}}'])
def test_a_settings_file_of_another_form_is_refused(tmp_path, text):
    """A number among the values is a common slip; Azure has only strings."""
    path = tmp_path / "local.settings.json"
    path.write_text(text)
    with pytest.raises(SettingRefused):
        load_settings_file(path, {})


def test_percent_names_are_replaced_by_settings():
    """Queue names and schedules may be set from outside."""
    assert "a-work" == resolve("%PREFIX%-work", {"PREFIX": "a"})
    with pytest.raises(SettingRefused, match="%OTHER%"):
        resolve("%OTHER%", {"PREFIX": "a"})


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("", {"AzureWebJobsStorage": "own"}, "own"),
        ("AzureWebJobsStorage", {"AzureWebJobsStorage": "own"}, "own"),
        ("Jobs", {"Jobs": "plain", "AzureWebJobsJobs": "prefixed"}, "prefixed"),
        ("Jobs", {"Jobs": "plain"}, "plain"),
        ("AccountName=a;AccountKey=k", {}, "AccountName=a;AccountKey=k"),
    ],
)
def test_a_connection_is_found_under_its_name(name, settings, expected):
    """With the prefix AzureWebJobs first, as in Azure."""
    assert expected == storage_connection(name, settings)


def test_a_connection_by_identity_is_refused_with_what_to_set_instead():
    """The emulator has no Entra identities; silence would look like a hang."""
    with pytest.raises(SettingRefused, match="identity-based"):
        storage_connection("Jobs", {"Jobs__queueServiceUri": "https://a"})
    with pytest.raises(SettingRefused, match="Jobs is not set"):
        storage_connection("Jobs", {})
