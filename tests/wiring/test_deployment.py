"""What is deployed: our code, the locked packages, and nothing that is for people only."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

import shared
from cli.rules import read_layer
from shared.core.terms import ApprovalKind
from shared.remediations import discover
from shared.rules.loading import load_rules

ROOT = Path(__file__).parents[2]
DEPLOYED = ("function_app.py", "host.json", "handlers", "shared", "rules", "requirements.txt")
KEPT_BACK = ("tests", "sandbox", "cli", "bench", "docs", "infra", "forwarder", "scripts")


def pins(name):
    """Read ``package==version`` of a requirements file, names as the index writes them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9_.-]+)==([^\s;\\]+)", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", one[1]).lower(): one[2] for one in found if one}


def ignored():
    """Read the patterns of .funcignore."""
    return (ROOT / ".funcignore").read_text(encoding="utf-8").split()


def tracked():
    """List the files of the repository, as git knows them, tracked or about to be."""
    ran = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        pytest.skip("not a git checkout")
    return [name for name in ran.stdout.splitlines() if (ROOT / name).is_file()]


def test_shared_is_ours():
    """Another package of that name on the path would be imported in our place."""
    assert Path(shared.__file__).parent == ROOT / "shared"


def test_the_lock_holds_what_was_asked_for():
    """``make lock`` was forgotten if a pin differs."""
    wanted = pins("requirements.in")
    locked = pins("requirements.txt")
    assert wanted == {name: locked.get(name) for name in wanted}


def test_every_locked_package_has_a_hash():
    """Without hashes a package could change after it was looked at."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert [e.split()[0] for e in entries if "==" in e and "--hash=sha256:" not in e] == []


@pytest.mark.parametrize("name", DEPLOYED)
def test_what_the_app_needs_is_deployed(name):
    """A pattern too many in .funcignore shows only in Azure, at the first event."""
    assert (ROOT / name).exists()
    assert [p for p in ignored() if fnmatch(name, p)] == []


@pytest.mark.parametrize("name", KEPT_BACK)
def test_what_is_for_people_stays_here(name):
    """The sandbox plays Azure and must never ship."""
    assert [p for p in ignored() if fnmatch(name, p)] != []


def test_local_settings_are_never_deployed():
    """They may hold a key."""
    assert [p for p in ignored() if fnmatch("local.settings.json", p)] != []


def test_the_default_rules_load_and_only_observe():
    """A fresh deployment touches nothing until a person promotes a rule."""
    book = load_rules([read_layer(ROOT / "rules")], discover())
    assert len(book.rules) > len(discover())
    assert {"observe"} == {rule.mode.value for rule in book.rules}


def test_a_compute_instance_is_deleted_only_after_a_yes():
    """Its disk goes with it, and with that whatever was not saved elsewhere."""
    book = load_rules([read_layer(ROOT / "rules")], discover())
    deleting = [r for r in book.rules if r.remediation.name == "delete_marked_instance"]
    assert [("delete-marked-instances", ApprovalKind.REQUIRED)] == [
        (rule.name, rule.approval and rule.approval.kind) for rule in deleting
    ]


def test_every_remediation_is_used_by_a_default_rule():
    """What no rule shows, nobody finds."""
    book = load_rules([read_layer(ROOT / "rules")], discover())
    assert set(discover()) == {rule.remediation.name for rule in book.rules}


def test_the_text_names_no_machine_of_ours():
    """A path of the machine it was written on means nothing to who reads it."""
    strange = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w+|\bhelper-\w+")
    found = []
    for name in tracked():
        if name.endswith("package-lock.json") or name.startswith("tests/wiring/"):
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {one.group()}" for one in strange.finditer(text)]
    assert found == []
