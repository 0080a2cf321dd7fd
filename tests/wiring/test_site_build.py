"""The site is built as it is, and not with a dead link or with what fetches from elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pages(tmp_path):
    """Copy the pages, so that a test may write one more."""
    return Path(shutil.copytree(ROOT / "docs", tmp_path / "docs"))


def build(pages):
    """Build the site from these pages; return what mkdocs said and its exit status."""
    own = pages.parent / "mkdocs.yml"
    own.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\n"
        f"docs_dir: {pages}\n"
        f"site_dir: {pages.parent / 'site'}\n"
        f"hooks: [{ROOT / 'scripts' / 'docs_site.py'}]\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", own]
    told = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(
        command, env=told, capture_output=True, text=True, check=False, timeout=120
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_site_is_built_with_decisions_and_changes(pages):
    """What is made while it is built is there, and a page nobody listed is not lost."""
    (pages / "UNLISTED.md").write_text("# Not listed\n", encoding="utf-8")
    status, said = build(pages)
    assert 0 == status, said
    site = pages.parent / "site"
    assert "0001-own-ledger.html" in (site / "decisions" / "index.html").read_text("utf-8")
    assert "Keep a Changelog" in (site / "CHANGELOG.html").read_text("utf-8")
    assert "UNLISTED.html" in (site / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[x](NOWHERE.md)", "NOWHERE.md"),
        ("[x](RULES.md#nowhere)", "nowhere"),
        ('<script src="https://example.com/x.js"></script>', "fetches from elsewhere"),
        ('<img src="//example.com/x.png" alt="">', "fetches from elsewhere"),
        ("```mermaid\nflowchart LR\n    a --> b\n```", "draw it"),
    ],
)
def test_what_must_not_be_on_a_page_stops_the_build(pages, text, why):
    """Each of these would be noticed by a reader, or by somebody who counts readers."""
    (pages / "BAD.md").write_text(f"# Bad\n\n{text}\n", encoding="utf-8")
    status, said = build(pages)
    assert 0 != status
    assert why in said
