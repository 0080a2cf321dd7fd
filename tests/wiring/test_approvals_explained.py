"""Every refusal and state of an approval is explained, with the status it answers."""

from __future__ import annotations

import re
from pathlib import Path

from shared.adapters.approval_replies import STATUS
from shared.core.approvals import HARMLESS, ApprovalState, Refusal
from shared.core.steps import Verb
from shared.core.terms import ApprovalKind

PAGE = (Path(__file__).parents[2] / "docs" / "APPROVALS.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """Read the table under a heading: first cell -> the others."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_refusal_is_explained_with_its_status():
    """A person who is refused at night looks the word up."""
    wanted = {refusal.value: str(int(status)) for refusal, status in STATUS.items()}
    assert wanted == {word: cells[0] for word, cells in rows("Refusals").items()}
    assert set(Refusal) == set(STATUS)


def test_every_state_is_explained():
    """And none is made up."""
    assert {state.value for state in ApprovalState} == set(rows("What becomes of it"))


def test_what_is_destructive_is_said_as_it_is_decided():
    """Which verbs a link alone may let through is not to be guessed."""
    section = PAGE.partition("## Who may answer\n")[2].partition("\n## ")[0]
    harmless, destructive = section.splitlines()[3:5]
    named = set(re.findall(r"`([a-z_]+)`", harmless)) - {kind.value for kind in ApprovalKind}
    assert HARMLESS == named
    others = {verb.value for verb in Verb} - HARMLESS
    assert others == set(re.findall(r"`([a-z_]+)`", destructive))
