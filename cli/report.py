"""``nightshift report``: what the surveys found, worst first, for people and as JSON."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cli.over_http import call, command
from shared.core.surveys import Severity

WORST_FIRST = tuple(severity.value for severity in Severity)


def register(subparsers: Any) -> None:
    """Add ``report``."""
    told = command(subparsers, "report", "what the surveys found, worst first", _report)
    told.add_argument("survey", nargs="?", default="", help="one survey only, by its name")
    told.add_argument(
        "--from",
        dest="least",
        choices=WORST_FIRST,
        default=WORST_FIRST[-1],
        help="findings of this severity and worse; default: all",
    )
    told.add_argument("--json", action="store_true", help="one JSON object")


def _report(arguments: argparse.Namespace) -> None:
    asked = f"?survey={quote(arguments.survey)}" if arguments.survey else ""
    said = together(call(arguments, "GET", f"/api/reports{asked}")["reports"], arguments.least)
    print(json.dumps(said, indent=2) if arguments.json else "\n".join(_lines(said)))


def together(reports: list[Mapping[str, Any]], least: str) -> dict[str, Any]:
    """Make one report of all, its findings sorted by severity, then by survey and name."""
    wanted = WORST_FIRST[: WORST_FIRST.index(least) + 1]
    found = [
        {**one, "survey": report["survey"], "seen_at": report["began_at"]}
        for report in reports
        for one in report["findings"]
        if one["severity"] in wanted
    ]
    found.sort(
        key=lambda one: (
            WORST_FIRST.index(one["severity"]),
            one["survey"],
            one["name"],
            one["target"].casefold(),
        )
    )
    counts = Counter(one["severity"] for one in found)
    return {
        "is_whole": all(report["is_whole"] for report in reports),
        "surveys": len({report["survey"] for report in reports}),
        "subscriptions": len({report["subscription"] for report in reports}),
        "by_severity": {severity: counts[severity] for severity in wanted},
        "left_out": sum(report.get("left_out", 0) for report in reports),
        "unread": [words for report in reports for words in report["unread"]],
        "findings": found,
    }


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    counts = ", ".join(
        f"{count} {severity}" for severity, count in said["by_severity"].items()
    )
    yield f"{said['surveys']} surveys, {said['subscriptions']} subscriptions: {counts}"
    if not said["surveys"]:
        yield "no report yet: a survey runs only where a rule answers what it finds"
    severity = ""
    for one in said["findings"]:
        if one["severity"] != severity:
            severity = one["severity"]
            yield f"\n{severity.upper()}"
        yield f"  {one['name']}  {one['target']}"
        yield f"      {one['evidence']} ({one['decision']})"
        by = f"remediation {one['fixed_by']}" if one["fixed_by"] else ""
        mend = "; ".join(part for part in (one.get("fix", ""), by) if part)
        if mend:
            yield f"      to do: {mend}"
        if one["guidance"]:
            yield f"      see:   {one['guidance']}"
    if said["left_out"]:
        yield f"\n{said['left_out']} more findings were not kept"
    if said["unread"]:
        yield "\nNOT READ, and nothing concluded from it"
        yield from (f"  {words}" for words in said["unread"])
