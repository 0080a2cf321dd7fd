"""DOCTOR.md names every check, verdict and way in that there is, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cli.doctor_wiring import CHECKS as AROUND
from cli.doctor_wiring.site import expected_functions
from shared.core.findings import Verdict
from shared.core.smoke_tests import Inlet
from shared.core.version import VERSION
from shared.engine.checkup import CHECKS as WITHIN
from shared.engine.checkup import storage
from tests.wiring.trigger_table import HTTP, QUEUES, TIMERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "DOCTOR.md").read_text(encoding="utf-8")
BY_THE_COMMAND = {"version", "health"}


def rows(heading: str) -> dict[str, list[str]]:
    """Read the table under a heading: first cell -> the others."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_check_is_explained_with_who_looks():
    """What fails at night is looked up here."""
    shown = {name: cells[0] for name, cells in rows("What it looks at").items()}
    within = dict.fromkeys(WITHIN, "the app")
    around = dict.fromkeys({*AROUND, *BY_THE_COMMAND}, "you")
    assert {**within, **around} == shown


def test_every_verdict_is_explained():
    """And the word is the one that is printed."""
    assert {one.value for one in Verdict} == set(rows("Reading it"))


def test_every_way_in_is_explained():
    """With how it is tried, and how long its answer may take."""
    assert {one.value for one in Inlet} == set(rows("Smoke tests"))


def test_doctor_expects_the_functions_that_are_there():
    """Read from the app itself: a list of its own would grow old."""
    assert {*HTTP, *QUEUES, *TIMERS, "on_maintenance_event"} == expected_functions()


def test_doctor_looks_at_the_storage_that_is_deployed():
    """A table or a queue that Bicep makes under another name would never be looked at."""
    file = ROOT / "infra" / "bicep" / "modules" / "names.json"
    names = json.loads(file.read_text(encoding="utf-8"))
    assert set(storage.TABLES) <= set(names["tables"])
    queues = {names["eventsQueue"], *names["queues"]}
    assert {f"{n}{end}" for n in storage.QUEUES for end in ("", storage.POISON)} == queues
    assert set(storage.CONTAINERS) <= set(names["containers"])


def test_the_version_that_the_app_tells_is_the_projects():
    """The deployed package has no pyproject.toml to read it from."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert found is not None
    assert VERSION == found[1]
