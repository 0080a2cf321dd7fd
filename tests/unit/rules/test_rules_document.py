"""docs/RULES.md names every key of the language with its default, and no key of another."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.rules import SCHEMA_FILE
from shared.remediations import discover
from shared.rules.loading import load_rules

TEXT = (Path(SCHEMA_FILE).parents[1] / "docs/RULES.md").read_text("utf-8")
SCHEMA = json.loads(Path(SCHEMA_FILE).read_text("utf-8"))
SECTIONS = {
    "A rule": "RuleModel",
    "Strikes": "StrikesModel",
    "Guard": "GuardModel",
    "Freeze": "FreezeModel",
    "Limits": "LimitModel",
    "Canary": "CanaryModel",
    "Breaker": "BreakerModel",
    "Budget": "BudgetModel",
    "Money": "MoneyModel",
    "Approval": "ApprovalModel",
    "Blocks": "BlockModel",
    "Overrides": "OverrideModel",
    "Tests": "TestModel",
}


def rows(section: str) -> dict[str, list[str]]:
    """Read the key table of a section: key to its other cells."""
    (body,) = re.findall(rf"^#+ {section}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", body, re.MULTILINE)
    return {key: [cell.strip() for cell in rest.split(" |")] for key, rest in found}


def test_every_part_of_the_language_has_a_section():
    """A part that is left out is a part that nobody finds."""
    models = {name for name in SCHEMA["definitions"] if name.endswith("Model")}
    assert models == set(SECTIONS.values())


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_names_the_keys_of_its_part(section):
    """No more and no less."""
    properties = SCHEMA["definitions"][SECTIONS[section]]["properties"]
    assert set(properties) == set(rows(section))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_tells_the_defaults(section):
    """What a person does not write counts all the same."""
    model = SCHEMA["definitions"][SECTIONS[section]]
    table = rows(section)
    for key, described in model["properties"].items():
        default = described.get("default")
        if key in model.get("required", ()):
            assert "needed" == table[key][1], key
        elif section not in {"Blocks", "Overrides"} and isinstance(default, str | float | int):
            assert table[key][1] in {f"`{default}`", "empty" if default == "" else ""}, key


def test_the_top_of_a_file_is_told():
    """Beside rules there are blocks and freezes."""
    assert set(SCHEMA["properties"]) == set(rows("Files and layers"))


def test_the_keys_of_a_rung_are_told():
    """They are in no model: what a rung may say depends on its remediation."""
    assert {"verify", "timeout", "with"} == set(rows("Ladders"))


def test_what_the_document_shows_loads():
    """People copy it."""
    shown = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert shown
    for text in shown:
        indented = "".join(f"    {line}\n" for line in text.splitlines())
        head = "rules:\n  - name: shown\n    on: vm.degraded\n    notify: teams\n"
        whole = text if "rules:" in text else head + indented
        load_rules([{"shown.yaml": whole}], discover())
