"""Write the audit's columns where others need them, from the code that fills them.

``python -m cli.audit_columns`` writes the part of docs/AUDIT.md between its two marks, the
rest of which is written by people, and the tables that the deployment makes; tests compare.

Source: https://learn.microsoft.com/rest/api/loganalytics/tables/create-or-update (types)
"""

from __future__ import annotations

import json
from pathlib import Path

from shared.core.audit_tables import TABLES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "AUDIT.md"
DEPLOYED = ROOT / "infra" / "bicep" / "modules" / "audit-columns.json"
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


def deployed() -> str:
    """Write the tables' columns as the workspace takes them, which spells one type its way."""
    spelled = {"datetime": "dateTime"}
    tables = {
        table: [
            {
                "name": one.name,
                "type": spelled.get(one.type, one.type),
                "description": one.meaning,
            }
            for one in its
        ]
        for table, its in TABLES.items()
    }
    return json.dumps(tables, indent=2) + "\n"


if __name__ == "__main__":
    DEPLOYED.write_text(deployed(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
