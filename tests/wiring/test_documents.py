"""What a person reads is complete: every reason, setting, route and signal is explained."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from shared.core.decisions import Reason
from shared.core.durations import format_duration
from shared.core.guardrails import GUARDRAILS
from shared.core.plans import Mode, PlanOutcome, StepOutcome
from shared.core.settings import Settings
from shared.core.signals import SignalType
from shared.core.steps import Verb
from tests.wiring.trigger_table import HTTP, TIMERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "OPERATIONS.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def rows(heading):
    """Read a table of OPERATIONS.md under a heading: first cell -> the others."""
    section = OPERATIONS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"OPERATIONS.md has no section {heading!r}"
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("| `") and len(cells) > 1:
            assert cells[0] not in found, f"{cells[0]} is explained twice"
            found[cells[0].strip("`")] = cells[1:]
    return found


def default(field):
    """Write a setting's default as the table has it."""
    value = field.default
    if value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value if isinstance(value, str) else format_duration(value)}`"


def test_every_setting_is_in_the_table_with_its_default_and_meaning():
    """The table says what the code says, word for word."""
    wanted = {
        f.metadata["variable"]: [default(f), f.metadata["meaning"]] for f in fields(Settings)
    }
    assert wanted == rows("Settings")


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("Reasons", Reason),
        ("Signals", SignalType),
        ("Modes", Mode),
        ("Step outcomes", StepOutcome),
        ("Plan outcomes", PlanOutcome),
        ("Verbs", Verb),
        ("Guardrails", [guardrail.__name__ for guardrail in GUARDRAILS]),
    ],
)
def test_every_word_is_explained_and_no_word_is_made_up(heading, values):
    """A person who reads a reason at night looks it up here."""
    explained = rows(heading)
    assert {str(value) for value in values} == set(explained)
    assert [word for word, cells in explained.items() if not cells[0]] == []


def test_every_route_has_an_example():
    """The routes' table names each with its method."""
    shown = rows("HTTP")
    assert {f"{method} /api/{route}" for method, route, _ in HTTP.values()} == set(shown)


@pytest.mark.parametrize("name", [*TIMERS, "on_maintenance_event", "on_platform_event"])
def test_every_other_way_in_is_described(name):
    """A function nobody explains is a function nobody watches."""
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_a_link_leads_somewhere(page):
    """A page that moved leaves no dead link behind."""
    text = page.read_text(encoding="utf-8")
    lost = [t for t in LINK.findall(text) if not (page.parent / t).exists()]
    assert lost == []


def test_decisions_are_numbered_without_a_gap_and_have_their_four_parts():
    """A decision without what was refused explains nothing."""
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [p.name[:4] for p in records] == [f"{i:04d}" for i in range(1, len(records) + 1)]
    parts = ("## Context", "## Choice", "## Refused", "## How we would know it was wrong")
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert [p for p in parts if p not in text] == [], record.name


def test_the_readme_names_the_two_commands_and_only_targets_that_exist():
    """A newcomer types what the README says."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert {"demo", "test"} <= named
    assert named <= targets
