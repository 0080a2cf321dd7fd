"""The gallery: every file in it loads, fits the schema, and proves what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.rules import SCHEMA_FILE, read_layer
from shared.core.signals import SignalType
from shared.remediations import discover
from shared.rules.loading import load_rules
from tests.unit.rules.test_rules_command import run

GALLERY = Path(SCHEMA_FILE).parent / "examples"
FILES = sorted(GALLERY.glob("*.yaml"))
FIXTURES = sorted((GALLERY / "fixtures").iterdir())
TOPICS = {
    "approval",
    "batch-retry",
    "blocks",
    "breaker-canary",
    "conditions",
    "degraded-ladder",
    "idle",
    "maintenance",
    "notify",
    "priority",
    "spot-drain",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_the_gallery_passes_its_own_tests(file, capsys):
    """Dropping a file into the folder adds a test; one that proves nothing fails."""
    assert 0 == run("check", file), capsys.readouterr().err
    rules = load_rules([read_layer(file)], discover()).rules
    assert rules
    assert [] == [rule.name for rule in rules if not rule.tests]
    assert all(rule.name.startswith("example-") and rule.description for rule in rules)


def test_the_gallery_shows_every_topic():
    """What the language can do is found by its name."""
    assert {file.stem for file in FILES} >= TOPICS


def test_the_gallery_loads_as_one_folder(capsys):
    """Somebody will copy it whole."""
    assert 0 == run("check", GALLERY)
    assert " failed" not in capsys.readouterr().out


def test_every_key_of_the_language_is_shown_somewhere():
    """A key that no example has is a key that nobody finds."""
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    keys = {
        (name, key)
        for name, model in schema["definitions"].items()
        for key in model.get("properties", {})
        if name.endswith("Model")
    }
    text = "\n".join(file.read_text("utf-8") for file in FILES)
    said = set(re.findall(r"[\s{,](\w+):(?=[\s]|$)", text))
    assert [] == sorted({key for _, key in keys} - said - NOT_SHOWN)


NOT_SHOWN = {"notes", "young"}
"""Self-explaining, or best left as it is."""


def test_every_fixture_is_used():
    """By the gallery, or by the default rules, which share them."""
    rules = [*FILES, GALLERY.parent / "default.yaml"]
    text = "\n".join(file.read_text("utf-8") for file in rules)
    assert [] == [file.name for file in FIXTURES if f"fixtures/{file.name}" not in text]


def test_the_gallery_is_not_deployed():
    """Its rules act; in the package they would be one typing error from doing so."""
    ignored = (SCHEMA_FILE.parents[1] / ".funcignore").read_text("utf-8").splitlines()
    assert "rules/examples" in ignored


def default():
    """Load the rules of the package as the command line does."""
    return load_rules([read_layer(GALLERY.parent)], discover()).rules


def test_every_signal_has_a_default_rule():
    """What the app hears and no rule answers would be silence; runbooks are a person's."""
    answered = frozenset().union(*(rule.on for rule in default()))
    assert frozenset(SignalType) - {SignalType.RUNBOOK} == answered


@pytest.mark.parametrize("rule", default(), ids=lambda rule: rule.name)
def test_a_default_rule_only_observes_and_is_tested(rule):
    """A fresh deployment touches nothing until a person says so."""
    versions = [rule, *(version for _, version in rule.overrides)]
    assert {"observe"} == {version.mode for version in versions}
    assert rule.tests
    assert rule.description


def test_the_default_rules_pass_their_own_tests(capsys):
    """They are what people copy from."""
    assert 0 == run("check", GALLERY.parent), capsys.readouterr().err


def test_a_default_rule_that_would_tell_knows_whom():
    """To ask a person through no channel is to ask nobody."""
    asking = [rule for rule in default() if rule.remediation.name == "ask_a_person"]
    assert asking
    assert [] == [rule.name for rule in asking if not rule.notify]
