"""What ``nightshift explain`` found, for people: one table a signal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 150
_GOOD, _BAD, _DIM = "green", "yellow", "dim"


def show(document: dict[str, Any]) -> None:
    """Print everything that was found."""
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    for one in document["unanswered"]:
        console.print(Text(f"{one['event_id']}: nothing to answer: {one['why']}"))
    for explained in document["signals"]:
        _show_signal(console, document["shape"], explained)


def _show_signal(console: Console, shape: str, explained: dict[str, Any]) -> None:
    signal = explained["signal"]
    console.print(Text(f"{signal['type']} {signal['phase']}", style="bold"), end="")
    console.print(Text(f"  ({shape} {signal['event_id']}, deadline {signal['deadline']})"))
    console.print(Text(signal["target"] or "no target"))
    if explained["rules"]:
        console.print(_table(explained["rules"]))
    elif explained["withdraws"]:
        console.print("It takes the incident back: its open plans stop, cordons are undone.")
    for rule in explained["rules"]:
        if rule["needs"]:
            need = f"{rule['rule']} decides on {rule['needs']['kind']} facts of the target"
            console.print(Text(f"{need}: give them with --facts", style=_BAD))
    console.print(_outcome(explained))
    plan = explained.get("plan")
    for step in plan["steps"] if plan else ():
        console.print(Text(f"  {step['verb']} {step['target']} {step['args'] or ''}".rstrip()))
    console.print()


def _table(rules: list[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("rule", "mode", "condition", "remediation", "guardrails", "decision"):
        table.add_column(heading, overflow="fold")
    for rule in rules:
        style = "" if rule["answers"] else _DIM
        cells = (
            rule["rule"],
            rule["mode"],
            _condition(rule),
            _said(rule["remediation"]["name"], rule["remediation"]["decision"]),
            "\n".join(f"{name}: {said}" for name, said in rule["guardrails"].items()),
            _decision(rule),
        )
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _condition(rule: dict[str, Any]) -> str:
    condition = rule["condition"]
    if not rule["answers"]:
        return str(condition["detail"])
    verdict = {True: "matched", False: "not matched", None: "unknown"}[condition["matched"]]
    return "\n".join(
        part for part in (verdict, condition["detail"], condition["text"]) if part
    )


def _said(name: str, decision: dict[str, Any] | None) -> str:
    if decision is None:
        return name
    words = " ".join(part for part in (decision["kind"], decision["reason"]) if part)
    return "\n".join(part for part in (name, words, decision.get("detail") or "") if part)


def _decision(rule: dict[str, Any]) -> str:
    if "outranked_by" in rule:
        return f"skip other_rule_acted\n{rule['outranked_by']}"
    return _said("", rule["decision"])


def _outcome(explained: dict[str, Any]) -> Text:
    decision = explained["decision"]
    if decision is None and explained["undecided"]:
        return Text("Nobody can tell without the facts.", style=_BAD)
    if decision is None:
        return Text("Nothing would happen: no rule would act.", style=_BAD)
    if decision["kind"] == "act":
        return Text("This plan would follow:", style=_GOOD)
    reason = decision["reason"]
    plan = "; without that:" if explained.get("plan") else ""
    return Text(f"Nothing would happen: {decision['kind']} {reason}{plan}", style=_BAD)
