"""The pages hold together, and the site made of them fetches nothing from elsewhere."""

import re
from pathlib import Path

import pytest
import yaml

from scripts.diagrams import DRAWINGS, wanted

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ANCHOR = re.compile(r"\]\((?!https?://)(?P<path>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")


def anchors(page):
    """Read what a page's headings are called, as the site and the repository name them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    bare = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[ ]", "-", re.sub(r"[^\w\- ]", "", t.lower()).strip()) for t in bare}


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_an_anchor_leads_somewhere(page):
    """A heading that was reworded leaves nobody at the top of a long page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    links = [
        (page.parent / path if path else page, name) for path, name in ANCHOR.findall(text)
    ]
    lost = [
        (to.name, name) for to, name in links if to.suffix == ".md" and name not in anchors(to)
    ]
    assert [] == lost


def test_every_diagram_is_drawn_as_it_is_written():
    """The site shows the drawing: an old one would tell of what was."""
    drawings = {drawing.name for drawing in DRAWINGS.glob("*.svg")}
    assert set(wanted()) == drawings, "run scripts/diagrams.py, it says how"


def test_a_drawing_loads_and_runs_nothing():
    """An image with a script in it, or of another host, has no place on a page."""
    found = re.compile(r"<script|<foreignObject|href=\"http|url\(http|@import|\son\w+=")
    drawings = DRAWINGS.glob("*.svg")
    assert [] == [d.name for d in drawings if found.search(d.read_text(encoding="utf-8"))]


def test_the_site_asks_nobody():
    """Fonts, counters and plugins that fetch would tell others who reads it."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert site["theme"]["font"] is False
    assert ["search"] == site["plugins"]
    assert {"generator": False} == site["extra"]
    assert "extra_javascript" not in site
    assert [] == [sheet for sheet in site["extra_css"] if "//" in sheet]


def test_the_build_refuses_what_is_dead():
    """Strict, with every check on: else a dead link is a line that nobody reads."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert site["strict"] is True
    checks = {**site["validation"]["nav"], **site["validation"]["links"]}
    assert {"warn"} == set(checks.values())


def test_every_page_that_the_site_lists_is_there():
    """The order of the pages is written by hand."""
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"- ([\w/]+\.md)$", site, re.MULTILINE))
    made = {"CHANGELOG.md", "decisions/index.md"}
    assert [] == sorted(name for name in listed - made if not (DOCS / name).exists())
