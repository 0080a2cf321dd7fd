# ruff: noqa: INP001 - mkdocs loads this file by its path
"""What mkdocs does beside turning docs/ into pages, as its hooks.

* A page that mkdocs.yml does not list stands under "More"; decisions stand under their index,
  which is made here from their first lines.
* A link out of docs/ becomes a link into the repository where ``repo_url`` says which, and
  else is plain text: a site has no source code.
* A diagram is the SVG that ``scripts/diagrams.py`` drew of it; one that was changed since
  stops the build.
* An escaped bar in a table's code loses its backslash: only the repository's view needs it.
* A page that would fetch anything from elsewhere stops the build.

Source: https://www.mkdocs.org/user-guide/plugins/#events
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from scripts.diagrams import DIAGRAM, DOCS, drawn

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = "decisions/index.md"
CHANGELOG = "CHANGELOG.md"
OUTWARD = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>\.\./[^)#\s]+)(?:#[^)]*)?\)")
ROW, CODE = re.compile(r"^\|.*$", re.MULTILINE), re.compile(r"`[^`]+`")
FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\ssrc=\"?(?:https?:)?//[^\s\">]+")
STYLED = re.compile(r"<link\b(?=[^>]*stylesheet)[^>]*href=\"?(?:https?:)?//[^\s\">]+")


def on_config(config: Any) -> Any:
    """List what mkdocs.yml does not."""
    listed = set(re.findall(r"[\w/-]+\.md", str(config.nav)))
    pages = Path(config.docs_dir)
    records = [f"decisions/{p.name}" for p in sorted(pages.glob("decisions/[0-9]*.md"))]
    more = sorted(p.name for p in pages.glob("*.md") if p.name not in listed)
    config.nav = [
        *_with_records(config.nav, [DECISIONS, *records]),
        *([{"More": more}] if more else []),
    ]
    return config


def _with_records(nav: list[Any], records: list[str]) -> list[Any]:
    def section(pages: list[Any]) -> list[Any]:
        return [{"Decisions": records} if page == DECISIONS else page for page in pages]

    return [{title: section(pages) for title, pages in part.items()} for part in nav]


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not files of docs/."""
    changes = (ROOT / CHANGELOG).read_text("utf-8").replace("](docs/", "](")
    files.append(File.generated(config, CHANGELOG, content=changes))
    files.append(File.generated(config, DECISIONS, content=decisions()))
    return files


def decisions() -> str:
    """Write the index of decisions, each with its own first line."""
    lines = ["# Decisions", "", "Why it is so, and what was refused.", ""]
    for record in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = record.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"* [{title}]({record.name})")
    return "\n".join([*lines, ""])


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Put diagrams in, and turn links out of docs/ into what they can be."""
    depth = page.file.src_uri.count("/")

    def diagram(found: re.Match[str]) -> str:
        name = drawn(found[1])
        if not (DOCS / "diagrams" / name).exists():
            said = f"{page.file.src_uri}: a diagram was changed; draw it: scripts/diagrams.py"
            raise PluginError(said)
        title = re.search(r"accTitle: *(.+)", found[1])
        alternative = title[1] if title else "diagram"
        image = f"![{alternative}]({'../' * depth}diagrams/{name})"
        return f'<div class="diagram" markdown="1">\n{image}\n</div>'

    def outward(found: re.Match[str]) -> str:
        target = (DOCS / page.file.src_uri).parent / found["path"]
        resolved = target.resolve()
        if resolved.is_relative_to(DOCS) or not resolved.exists():
            return found[0]  # within docs/, or dead: mkdocs says so
        path = resolved.relative_to(ROOT).as_posix()
        if files.get_file_from_path(path):
            return f"[{found['text']}]({'../' * depth}{path})"
        where = config.repo_url
        return f"[{found['text']}]({where}/blob/main/{path})" if where else found["text"]

    text = markdown.replace("](decisions/)", f"]({DECISIONS})")
    text = ROW.sub(lambda row: CODE.sub(lambda one: one[0].replace("\\|", "|"), row[0]), text)
    return OUTWARD.sub(outward, DIAGRAM.sub(diagram, text))


def on_post_page(output: str, page: Any, config: Any) -> str:  # noqa: ARG001 - mkdocs names them
    """Refuse a page that fetches from elsewhere: whoever reads it would be seen there."""
    found = FETCHED.search(output) or STYLED.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri} fetches from elsewhere: {found[0][:200]}")
    return output
