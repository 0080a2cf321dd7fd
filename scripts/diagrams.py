# ruff: noqa: INP001, T201 - scripts are run, never imported, and print
"""Draw the Mermaid diagrams of docs/ as SVG, once, so that a reader's browser need not.

``python scripts/diagrams.py --mermaid mermaid.tiny.js`` draws what has no drawing and deletes
drawings of nothing. The library is one file without dependencies: ``npm pack
@mermaid-js/tiny`` (11.17.2 drew what is here), and any Chromium does the drawing. Neither is
needed to build the site, only to change a diagram.

Source: https://mermaid.js.org/config/usage.html
"""

import argparse
import hashlib
import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
DRAWINGS = DOCS / "diagrams"
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PAGE = """<!doctype html><meta charset="utf-8"><pre class="mermaid">{source}</pre>
<script src="{library}"></script>
<script>mermaid.initialize({{startOnLoad: true, deterministicIds: true, theme: "neutral",
htmlLabels: false, flowchart: {{htmlLabels: false}},
fontFamily: "Arial, Helvetica, sans-serif"}});</script>"""


def drawn(source: str) -> str:
    """Name the file of a diagram: by what it is drawn from, so that none is out of date."""
    return f"{hashlib.sha256(source.encode()).hexdigest()[:12]}.svg"


def wanted() -> dict[str, str]:
    """Find the diagrams of every page: the drawing's name -> its source."""
    pages = (page.read_text("utf-8") for page in sorted(DOCS.rglob("*.md")))
    return {drawn(source): source for text in pages for source in DIAGRAM.findall(text)}


def draw(source: str, library: Path, browser: str) -> str:
    """Draw one diagram and return the SVG.

    Raises:
        ValueError: Mermaid could not read it.
    """
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        text = PAGE.format(source=html.escape(source), library=library.resolve().as_uri())
        page.write_text(text, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
        ran = subprocess.run(  # noqa: S603 - the command is written out above
            [*command, "--virtual-time-budget=10000", "--dump-dom", page.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    found = SVG.search(ran.stdout)
    if not found or "Syntax error" in found[0]:
        raise ValueError(f"Mermaid cannot draw: {source.strip().splitlines()[0]} ...")
    # What the browser wrote is HTML; an image of its own must be XML, and as wide as it is.
    drawing = re.sub(r"<br(\s[^>]*)?>", "<br/>", found[0])
    wide = re.search(r"max-width: ([0-9]+)", drawing)
    return (
        re.sub(r'width="100%"', f'width="{wide[1]}"' if wide else "", drawing, count=1) + "\n"
    )


def main() -> int:
    """Draw what is missing, delete what nothing shows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mermaid", type=Path, required=True, metavar="mermaid.tiny.js")
    library = parser.parse_args().mermaid
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not browser or not library.is_file():
        print(f"needed: {library} and one of {', '.join(CHROMIUM)}", file=sys.stderr)
        return 1
    DRAWINGS.mkdir(exist_ok=True)
    sources = wanted()
    for name, source in sources.items():
        if not (DRAWINGS / name).exists():
            (DRAWINGS / name).write_text(draw(source, library, browser), encoding="utf-8")
            print(f"drew {name}")
    for old in DRAWINGS.glob("*.svg"):
        if old.name not in sources:
            old.unlink()
            print(f"deleted {old.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
