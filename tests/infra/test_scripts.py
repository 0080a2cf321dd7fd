"""The scripts beside the templates, run: what they ask for, and that twice is like once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.core.settings import Settings
from shared.core.sign_in import OPERATOR, READER

INFRA = Path(__file__).parents[2] / "infra"
NAME, URL, PRINCIPAL = "Nightshift (lab)", "https://night.example", "the-identity"


@pytest.fixture
def run(tmp_path):
    """Run a script with stand-ins for what it calls; return how it ended."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "az").write_text(
        f'exec {sys.executable} {Path(__file__).with_name("az.py")} "$@"'
    )
    (commands / "azd").write_text(
        'echo "$@" >> "$AZD_CALLS"; [ "$1" != provision ] || exit "$AZD_ENDS"'
    )
    for one in commands.iterdir():
        one.write_text(f"#!/bin/sh\n{one.read_text()}\n")
        one.chmod(0o755)

    def running(name, *arguments, **environ):
        paths = {"AZ_TENANT": str(tmp_path / "tenant"), "AZD_CALLS": str(tmp_path / "calls")}
        return subprocess.run(
            [INFRA / name, *arguments],
            env={
                "PATH": f"{commands}:{os.environ['PATH']}",
                "AZD_ENDS": "0",
                **paths,
                **environ,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return running


def tenant(tmp_path):
    return json.loads((tmp_path / "tenant").read_text())


def test_the_registration_signs_people_in_without_a_secret(run, tmp_path):
    """The app's identity vouches for it; the app reads its role and its address."""
    ended = run("entra.sh", NAME, f"{URL}/", PRINCIPAL)
    assert ("", 0) == (ended.stderr, ended.returncode)
    assert "authClientId  app-1" in ended.stdout
    assert "authObjectId  object-1" in ended.stdout
    (app,) = tenant(tmp_path)["apps"]
    (credential,) = app["credentials"]
    assert (PRINCIPAL, ["api://AzureADTokenExchange"]) == (
        credential["subject"],
        credential["audiences"],
    )
    assert ["api://app-1"] == app["identifierUris"]
    assert [f"{URL}/.auth/login/aad/callback"] == app["web"]["redirectUris"]
    assert "passwordCredentials" not in app


def test_the_roles_are_those_that_the_app_asks_for(run, tmp_path):
    """Another name would leave every destructive plan without anybody to approve it."""
    run("entra.sh", NAME, URL, PRINCIPAL)
    (app,) = tenant(tmp_path)["apps"]
    people = [one for one in app["appRoles"] if "User" in one["allowedMemberTypes"]]
    wanted = [Settings().approver_role, OPERATOR, READER]
    assert wanted == [one["value"] for one in people]
    ids = [one["id"] for one in app["appRoles"]]
    assert len(set(ids)) == len(ids)


def test_the_command_line_may_ask_for_tokens_by_the_scope_that_is_there(run, tmp_path):
    """`nightshift approve --resource` takes its token from the Azure CLI."""
    run("entra.sh", NAME, URL, PRINCIPAL)
    (app,) = tenant(tmp_path)["apps"]
    (scope,), (allowed,) = (
        app["api"]["oauth2PermissionScopes"],
        app["api"]["preAuthorizedApplications"],
    )
    assert [scope["id"]] == allowed["delegatedPermissionIds"]


def test_action_groups_are_let_in_and_nobody_unassigned(run, tmp_path):
    """Who has no role is turned away by Entra, before the app is asked."""
    run("entra.sh", NAME, URL, PRINCIPAL)
    found = tenant(tmp_path)
    assert {"principal-of-app-1": {"appRoleAssignmentRequired": True}} == found["services"]
    (one,) = found["assigned"]
    (webhook,) = (r for r in found["apps"][0]["appRoles"] if r["value"] == "ActionGroups")
    assert (webhook["id"], "principal-of-app-1") == (one["appRoleId"], one["resourceId"])


def test_running_it_again_changes_nothing(run, tmp_path):
    """A second registration would leave half of the people with roles in the first."""
    run("entra.sh", NAME, URL, PRINCIPAL)
    before = tenant(tmp_path)
    ended = run("entra.sh", NAME, URL, PRINCIPAL)
    assert 0 == ended.returncode
    assert before == tenant(tmp_path)


def test_a_name_that_is_taken_twice_is_refused(run, tmp_path):
    """Which of them people have roles in cannot be guessed."""
    apps = [{"appId": f"a{n}", "id": f"o{n}", "displayName": NAME} for n in (1, 2)]
    written = json.dumps({"apps": apps, "principals": {}, "assigned": [], "writes": 0})
    (tmp_path / "tenant").write_text(written)
    ended = run("entra.sh", NAME, URL, PRINCIPAL)
    assert 1 == ended.returncode
    assert "take another name" in ended.stderr


def test_the_script_says_what_it_takes(run):
    """Without its arguments it must not make an app of an empty name."""
    ended = run("entra.sh", NAME)
    assert (2, True) == (ended.returncode, "usage: infra/entra.sh" in ended.stderr)


def calls(tmp_path):
    """Read what azd was asked."""
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_what_was_deployed_is_subscribed_once(run, tmp_path):
    """Event Grid takes only functions that are there, so it comes after the code."""
    assert 0 == run("subscribe.sh").returncode
    wanted = ["env set NIGHTSHIFT_SUBSCRIBED true", "provision --no-prompt"]
    assert wanted == calls(tmp_path)
    assert 0 == run("subscribe.sh", NIGHTSHIFT_SUBSCRIBED="true").returncode
    assert wanted == calls(tmp_path)


def test_a_subscription_that_failed_is_tried_again_next_time(run, tmp_path):
    """Otherwise nothing would ever be heard, and azd would call it done."""
    ended = run("subscribe.sh", AZD_ENDS="1")
    assert 1 == ended.returncode
    assert "env set NIGHTSHIFT_SUBSCRIBED false" == calls(tmp_path)[-1]
    assert "azd deploy" in ended.stderr
