"""`infra/rollout.sh`, run against a played `az` that notes what it was asked."""

import hashlib
import os
import subprocess

import pytest

from sandbox.options import ROOT

AZ = """#!/bin/sh
echo "${NIGHTSHIFT_SUBSCRIBED-unset} $*" >> "$TOLD"
case "$*" in
    "deployment sub show"*outputs.NIGHTSHIFT_URL*) echo "https://app.example" ;;
    "deployment sub show"*outputs.NIGHTSHIFT_SUBSCRIBED*) cat "$TOLD.deployed" ;;
    "deployment sub show"*outputs.*) echo "said-by-azure" ;;
    "deployment sub create"*) echo "$NIGHTSHIFT_SUBSCRIBED" > "$TOLD.deployed" ;;
    *config-zip*) [ ! -e "$TOLD.refused" ] ;;
esac
"""
CURL = """#!/bin/sh
echo "curl $*" >> "$TOLD"
[ ! -e "$TOLD.sick" ]
"""


@pytest.fixture
def rollout(tmp_path):
    """Run the script as a pipeline does; gives its exit status, words and calls."""
    for name, text in (("az", AZ), ("curl", CURL)):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(0o755)
    package = tmp_path / "nightshift.zip"
    package.write_bytes(b"as it was built")
    told = tmp_path / "told"

    def run(*words):
        told.write_text("")
        done = subprocess.run(
            [str(ROOT / "infra/rollout.sh"), *words],
            env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "TOLD": str(told),
                "AZURE_ENV_NAME": "lab",
                "AZURE_LOCATION": "westeurope",
                "NIGHTSHIFT_HEALTH_TRIES": "2",
                "NIGHTSHIFT_HEALTH_PAUSE": "0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr, told.read_text().splitlines()

    run.package = str(package)
    run.digest = hashlib.sha256(b"as it was built").hexdigest()
    run.told = told
    return run


def changes(calls):
    """Keep of the calls what changes something: its subscribed state, and its verb."""
    verbs = ("deployment sub create", "functionapp deployment source config-zip")
    found = ((call.split()[0], verb) for call in calls for verb in verbs if verb in call)
    return list(found)


def test_the_first_time_events_are_subscribed_after_the_code_has_come(rollout):
    """Event Grid refuses a function that is not there."""
    status, _, calls = rollout("deploy", rollout.package, rollout.digest)
    assert 0 == status
    assert [
        ("false", "deployment sub create"),
        ("false", "functionapp deployment source config-zip"),
        ("true", "deployment sub create"),
    ] == changes(calls)
    assert "/api/health" in calls[-1]


def test_the_next_time_they_stay_subscribed(rollout):
    """Nothing may be missed while a new version comes."""
    rollout("deploy", rollout.package, rollout.digest)
    _, _, calls = rollout("deploy", rollout.package, rollout.digest)
    assert [
        ("true", "deployment sub create"),
        ("true", "functionapp deployment source config-zip"),
    ] == changes(calls)


def test_code_that_never_came_is_not_subscribed_the_next_time(rollout):
    """Event Grid would refuse the functions that are not there, time after time."""
    refused = rollout.told.parent / "told.refused"
    refused.touch()
    assert 0 != rollout("deploy", rollout.package, rollout.digest)[0]
    refused.unlink()
    _, _, calls = rollout("deploy", rollout.package, rollout.digest)
    assert ["false", "false", "true"] == [subscribed for subscribed, _ in changes(calls)]


def test_azure_is_told_to_build_nothing(rollout):
    """What runs is what was tried."""
    _, _, calls = rollout("deploy", rollout.package, rollout.digest)
    [sent] = [call for call in calls if "config-zip" in call]
    assert f"--src {rollout.package} --build-remote false" in sent


def test_another_package_than_the_one_that_was_built_changes_nothing(rollout):
    """A store of artifacts is one more place where somebody may put something."""
    status, _, calls = rollout("deploy", rollout.package, "0" * 64)
    assert status != 0
    assert [] == changes(calls)


def test_what_if_changes_nothing(rollout):
    """It is run before anybody was asked."""
    status, _, calls = rollout("what-if")
    assert (0, []) == (status, changes(calls))
    assert "--validation-level ProviderNoRbac" in calls[-1]


def test_an_app_that_does_not_come_up_fails_the_pipeline(rollout):
    """Green would mean that somebody is on watch."""
    (rollout.told.parent / "told.sick").touch()
    status, said, _ = rollout("deploy", rollout.package, rollout.digest)
    assert status != 0
    assert "deploy the package before" in said


def test_a_word_it_does_not_know_is_answered_by_those_it_does(rollout):
    """And nothing is asked of Azure in earnest."""
    status, said, calls = rollout("destroy")
    assert (2, []) == (status, changes(calls))
    assert "what-if | deploy PACKAGE SHA256" in said
