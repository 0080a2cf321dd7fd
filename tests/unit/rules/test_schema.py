"""The schema in the repository is current, and says what loading says."""

import json
from pathlib import Path

import jsonschema
import pytest

from cli.rules import SCHEMA_FILE, schema_text
from shared.remediations import discover
from shared.rules.documents import plain, read
from shared.rules.loading import load_rules
from shared.rules.problems import Problems
from shared.rules.schema import rules_schema
from tests.unit.rules.small import GOOD, REMEDIATIONS, load, refusal, rule

ROOT = Path(SCHEMA_FILE).parents[1]
SHIPPED = sorted(
    file
    for folder in ("rules", "rules/examples", "sandbox/rules")
    for file in (ROOT / folder).glob("*.yaml")
)


def value(text):
    """Read a text as an editor does."""
    node = read("f", text, Problems())
    assert node is not None
    return plain(node)


def fits(text, schema):
    """Tell whether an editor would show no error."""
    return not list(jsonschema.Draft7Validator(schema).iter_errors(value(text)))


def test_the_schema_in_the_repository_is_current():
    """If this fails: nightshift rules schema --write."""
    assert schema_text() == SCHEMA_FILE.read_text("utf-8")


def test_the_schema_is_a_schema():
    """Editors ignore a broken one in silence."""
    jsonschema.Draft7Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_names_its_schema_and_fits_it(file):
    """The first line is what editors look for."""
    text = file.read_text("utf-8")
    first = text.splitlines()[0]
    start, _, reference = first.partition("$schema=")
    assert start == "# yaml-language-server: "
    assert SCHEMA_FILE.resolve() == (file.parent / reference).resolve()
    assert fits(text, json.loads(schema_text()))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        rule("when: true", "mode: off", "with: {wait: 1h, force: null, speed: fast}"),
        GOOD.replace("small_thing", "[small_thing]"),
        GOOD.replace("small_thing", "[small_thing: {pools: [a]}]"),
        GOOD.replace("vm.preempt", "[vm.preempt, compute.idle]"),
    ],
)
def test_what_loads_fits_the_schema(text):
    """An editor that marks a good rule is worse than none."""
    assert load(text).rules
    assert fits(text, rules_schema(REMEDIATIONS))


@pytest.mark.parametrize(
    "text",
    [
        rule("mode: aut"),
        rule("colour: red"),
        rule("with: {trise: 3}"),
        rule("with: {tries: x}"),
        rule("with: {wait: 3}"),
        rule("guard: {cooldown: 3}"),
        GOOD.replace("small_thing", "smal_thing"),
        GOOD.replace("small_thing", "[]"),
        GOOD.replace("small_thing", "[small_thing: {trise: 3}]"),
        GOOD.replace("vm.preempt", "vm.prempt"),
        GOOD.replace("small-rule", "Small"),
    ],
)
def test_what_the_schema_can_see_wrong_does_not_load_either(text):
    """The schema is a help and never the only guard."""
    assert not fits(text, rules_schema(REMEDIATIONS))
    assert refusal(text)


def test_settings_carry_their_meaning_and_default():
    """Completion shows what the remediation's own docstring says."""
    definitions = rules_schema(REMEDIATIONS)["definitions"]
    settings = definitions["RuleModel"]["allOf"][0]["then"]["properties"]["with"]
    wait = settings["properties"]["wait"]
    assert ("1m", "How long to wait, at most.") == (wait["default"], wait["description"])


def test_every_remediation_has_a_default_rule():
    """What ships without a rule is never used."""
    text = (ROOT / "rules/default.yaml").read_text("utf-8")
    book = load_rules([{"default.yaml": text}], discover())
    assert set(discover()) == {r.remediation.name for r in book.rules}


def test_the_demo_layer_lets_every_default_rule_act_that_touches_anything():
    """The demo shows the real rules, and only changes what is said in its layer."""
    layers = [
        {str(f): f.read_text("utf-8")}
        for f in (ROOT / "rules/default.yaml", ROOT / "sandbox/rules/demo.yaml")
    ]
    base = load_rules(layers[:1], discover())
    demo = load_rules(layers, discover())
    acting = [r for r in demo.rules if any(v.touches for v in r.remediation.verbs)]
    assert {"auto"} == {str(r.mode) for r in acting}
    assert [(r.name, r.on) for r in base.rules] == [(r.name, r.on) for r in demo.rules]
