"""Write the alert rules that are deployed into docs/ALERTS.md, from what Bicep deploys.

``python -m cli.alert_rules`` writes the part of the page between its two marks; a test
compares. The rest of the page is written by people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RULES = ROOT / "infra" / "bicep" / "modules" / "alert-rules.json"
PAGE = ROOT / "docs" / "ALERTS.md"
BEGIN = "<!-- rules: written by `python -m cli.alert_rules`, do not edit -->"
END = "<!-- end of rules -->"
_SIGNS = {"GreaterThan": ">", "LessThan": "<"}
_HEAD = ("| alert | says | asks | severity | answered by |", "|---|---|---|---|---|")


def tables() -> str:
    """Write the rules as two tables: what Nightshift answers, what people do."""
    rules = json.loads(RULES.read_text(encoding="utf-8"))
    lines: dict[bool, list[str]] = {True: [], False: []}
    for kind, its in rules.items():
        for rule in its:
            lines[bool(rule.get("isOurs"))].append(_row(kind, rule))
    return "\n".join(
        [
            "### On what is watched\n",
            *_HEAD,
            *lines[False],
            "\n### On Nightshift itself\n",
            *_HEAD,
            *lines[True],
        ]
    )


def _row(kind: str, rule: dict[str, Any]) -> str:
    severity = f"Sev{rule['severity']}" if "severity" in rule else "Sev4, as Azure sets it"
    answer = f"`{rule['answeredBy']}`" if rule["answeredBy"] else "people"
    asks = " ".join(_asks(kind, rule))
    return f"| `{rule['name']}` | {rule['says']} | {asks} | {severity} | {answer} |"


def _asks(kind: str, rule: dict[str, Any]) -> Iterator[str]:
    """Say in a line what a rule looks at."""
    if kind == "activityLog":
        yield "activity log:"
        yield ", ".join(f"`{value}`" for value in _values(rule["all"]))
        return
    sign = f"{_SIGNS[rule['operator']]} {rule['threshold']}"
    if kind == "metric":
        yield f"`{rule['metric']}`"
        yield from (
            f"({one['name']} {', '.join(one['values'])})" for one in rule["dimensions"]
        )
        yield f"{rule['aggregation'].lower()} {sign}"
    else:
        yield f"rows of `{rule['query'][0]}` {sign}"
    yield f"in {rule['window'].removeprefix('PT').lower()}"


def _values(conditions: list[dict[str, Any]]) -> Iterator[str]:
    for one in conditions:
        if "anyOf" in one:
            yield from _values(one["anyOf"])
        else:
            yield one["equals"]


def page(text: str) -> str:
    """Put the tables into the page.

    Raises:
        ValueError: The page has lost its marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks {BEGIN!r} or {END!r}: put both back")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
