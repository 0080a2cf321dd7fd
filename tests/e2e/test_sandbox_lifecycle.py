"""`nightshift sandbox up` and `down`, as a person runs them."""

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sandbox import lifecycle, processes
from sandbox.options import ROOT, SandboxError, SandboxOptions
from tests.e2e.running_host import SAMPLE_APP

SETTINGS = {"PREFIX": "sb", "YEARLY": "0 0 0 1 1 *"}


def nightshift(folder, *arguments):
    """Run the command from another folder than the repository's."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "sandbox", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def sample(state, **more):
    return SandboxOptions(state=state, app=SAMPLE_APP, environment=SETTINGS, **more)


def status(sandbox):
    """Ask the Functions host of a sandbox whether it runs."""
    request = urllib.request.Request(  # noqa: S310 - a URL of our own
        f"{sandbox['functions_url']}/admin/host/status",
        headers={"x-functions-key": sandbox["master_key"]},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return json.load(answer)["state"]


def is_alive(pid):
    return processes._start_time(pid) is not None


@pytest.fixture
def down_after():
    """Take down, at the end, whatever a test left up."""
    states: list[Path] = []
    yield states.append
    for state in states:
        lifecycle.down(state)


def test_two_sandboxes_run_side_by_side_and_each_down_ends_its_own(tmp_path, down_after):
    """From any folder; one JSON object; every port picked; nothing of the other touched."""
    first, second = tmp_path / "first", tmp_path / "second"
    down_after(first)
    down_after(second)
    settings = [x for pair in SETTINGS.items() for x in ("--env", "=".join(pair))]
    ups = [
        nightshift(tmp_path, "up", "--state", state, "--app", SAMPLE_APP, *settings)
        for state in (first, second)
    ]
    one, two = (json.loads(done.stdout) for done in ups)
    assert ("Running", "Running") == (status(one), status(two))
    trusted = ssl.create_default_context(cafile=two["ca_file"])
    with urllib.request.urlopen(two["azure_url"] + "/_world", context=trusted) as answer:  # noqa: S310 - a URL of our own
        assert 200 == answer.status
    assert one == json.loads((first / "sandbox.json").read_text())

    ended = json.loads(nightshift(tmp_path, "down", "--state", first).stdout)
    assert ["azure", "azurite", "functions"] == sorted(ended["ended"])
    assert not [pid for pid in one["pids"].values() if is_alive(pid)]
    assert "Running" == status(two)
    assert {"ended": []} == json.loads(nightshift(tmp_path, "down", "--state", first).stdout)


def test_up_where_a_sandbox_is_up_is_refused(tmp_path, down_after):
    """Two on one folder would end each other."""
    down_after(tmp_path)
    sandbox = lifecycle.up(sample(tmp_path))
    with pytest.raises(SandboxError, match="is up in"):
        lifecycle.up(sample(tmp_path))
    assert sandbox == lifecycle.load(tmp_path)


def test_a_part_that_does_not_start_takes_the_rest_down_and_shows_its_log(tmp_path):
    """Half a sandbox left running would be found much later, by its open ports."""
    done = nightshift(tmp_path, "up", "--state", tmp_path / "s", "--app", SAMPLE_APP)
    assert (1, "") == (done.returncode, done.stdout)
    assert "the Functions host did not start" in done.stderr
    assert "refers to an app setting that is not set" in done.stderr
    with pytest.raises(SandboxError, match="no sandbox is up"):
        lifecycle.load(tmp_path / "s")
    own = f"{tmp_path}/s"
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert not [line for line in lines.stdout.splitlines() if own in line]


def test_the_functions_host_can_be_killed_and_started_again(tmp_path, down_after):
    """Crash tests need the same port, keys and settings after it, and the rest left up."""
    down_after(tmp_path)
    sandbox = lifecycle.up(sample(tmp_path, queue_lease_s=5))
    lifecycle.kill_functions_host(sandbox)
    assert not is_alive(sandbox.pids["functions"])
    again = lifecycle.restart_functions_host(sandbox)
    assert "Running" == status(json.loads(again.as_json()))
    assert (sandbox.functions_url, sandbox.pids["azure"]) == (
        again.functions_url,
        again.pids["azure"],
    )
    assert sandbox.pids["functions"] != again.pids["functions"]
    assert ["functions", "azure", "azurite"] == lifecycle.down(tmp_path)


def test_a_pid_used_again_is_never_ended(tmp_path):
    """`down` may run days later, when the number belongs to somebody else."""
    record = processes.start(
        "sleeper",
        ["sleep", "60"],
        environment=os.environ,
        cwd=tmp_path,
        stdout=tmp_path / "out",
        stderr=tmp_path / "err",
    )
    reused = processes.ProcessRecord("azurite", record.pid, "1")
    assert [] == processes.end([reused])
    assert processes.is_alive(record)
    assert [record] == processes.end([record])
    assert not processes.is_alive(record)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--world", "nowhere.json"], "nowhere.json does not exist"),
        (["--rules", "nowhere"], "nowhere are not a folder"),
        (["--app", "nowhere"], "nowhere has no function_app.py"),
        (["--env", "odd"], "KEY=VALUE"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_starts(tmp_path, arguments, words):
    """One line that names the argument and what it may be."""
    done = nightshift(
        tmp_path, "up", "--state", tmp_path / "s", "--app", SAMPLE_APP, *arguments
    )
    assert 0 != done.returncode
    assert words in done.stderr
    assert not (tmp_path / "s" / "processes.json").exists()
