"""Write the audit's columns into docs/AUDIT.md, from the code that fills them.

``python -m cli.audit_columns`` writes the part of the page between its two marks; a test
compares. The rest of the page is written by people.
"""

from __future__ import annotations

from pathlib import Path

from shared.core.audit_tables import TABLES

PAGE = Path(__file__).parents[1] / "docs" / "AUDIT.md"
BEGIN = "<!-- columns: written by `python -m cli.audit_columns`, do not edit -->"
END = "<!-- end of columns -->"


def columns() -> str:
    """Write the tables' columns as Markdown."""
    parts = []
    for table, its in TABLES.items():
        rows = [f"| {one.name} | {one.type} | {one.meaning} |" for one in its]
        parts.append("\n".join([f"### {table}", "", *_HEAD, *rows]))
    return "\n\n".join(parts)


_HEAD = ("| column | type | meaning |", "|---|---|---|")


def page(text: str) -> str:
    """Put the columns into the page.

    Raises:
        ValueError: The page has lost its marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks {BEGIN!r} or {END!r}: put both back")
    return f"{before}{BEGIN}\n\n{columns()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
