"""Print docs/CATALOGUE.md: what each remediation does, from its own value.

``make catalogue`` writes the file, ``make check`` compares it. Nothing is read but the
code and the default rules, so the same code always prints the same text.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from cli.rules import read_layer
from shared.core.decisions import Act, Decision, Hold, Skip
from shared.core.durations import format_duration
from shared.core.remediation import Example, Remediation
from shared.core.surveys import Survey
from shared.core.wire import write_moment
from shared.remediations import discover
from shared.rules.book import Rule
from shared.rules.loading import load_rules
from shared.surveys import discover as surveys

DEFAULT_RULES = Path(__file__).parents[1] / "rules"
HEAD = """\
# Catalogue of remediations

Written by `make catalogue` from `shared/remediations/`; do not edit. Every example below
is also a test. Signals, modes and reasons are explained in [OPERATIONS.md](OPERATIONS.md).
"""
SURVEYS = """\
## Surveys

Looks at every subscription in scope; what they find is a signal. Read only.
"""
_ATTRIBUTE = re.compile(r"^    (?P<name>\w+): (?P<text>.+)$")


def catalogue() -> str:
    """Write the whole page."""
    remediations = discover()
    rules = load_rules([read_layer(DEFAULT_RULES)], remediations).rules
    parts = [HEAD, *(_section(one, rules) for one in remediations.values())]
    return "\n".join([*parts, SURVEYS, *(_survey(one, rules) for one in surveys().values())])


def _survey(one: Survey, rules: tuple[Rule, ...]) -> str:
    lines = [
        f"### {one.name}",
        "",
        one.summary,
        "",
        f"* **Says**: `{one.says}`, every `{format_duration(one.every)}`",
        f"* **Reads**: {', '.join(f'`{name}`' for name in one.actions)}",
        f"* **Default rules**: {_rules([rule for rule in rules if one.says in rule.on])}",
        "",
        "| example | finds |",
        "|---|---|",
        *(
            f"| {_cell(example.title)} | {', '.join(example.expect) or 'nothing'} |"
            for example in one.examples
        ),
        "",
    ]
    return "\n".join(lines)


def _section(one: Remediation, rules: tuple[Rule, ...]) -> str:
    used = [rule for rule in rules if rule.remediation.name == one.name]
    lines = [
        f"## {one.name}",
        "",
        one.summary,
        "",
        f"* **Answers**: {_words(one.answers)}",
        f"* **Decides on**: `{one.facts}` facts",
        f"* **May do**: {_words(one.verbs)}",
        f"* **Default rules**: {_rules(used)}",
        "",
        *_settings(one),
        "",
        "| example | decision |",
        "|---|---|",
        *(_example(example) for example in one.examples),
        "",
    ]
    return "\n".join(lines)


def _words(values: frozenset[Any]) -> str:
    return ", ".join(f"`{value}`" for value in sorted(values))


def _rules(used: list[Rule]) -> str:
    shown = (f"`{rule.name}` on {_words(rule.on)} ({rule.mode})" for rule in used)
    return "; ".join(shown) or "none"


def _settings(one: Remediation) -> Iterator[str]:
    meanings = attributes(one.settings)
    defaults = one.settings()
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for field in dataclasses.fields(one.settings):
        default = _value(getattr(defaults, field.name))
        yield f"| `{field.name}` | {default} | {_cell(meanings[field.name])} |"


def attributes(described: type[Any]) -> Mapping[str, str]:
    """Read the Attributes of a class's docstring, each as one line.

    Raises:
        ValueError: A field is not described: the catalogue would not explain it.
    """
    found = meanings(described)
    missing = [f.name for f in dataclasses.fields(described) if f.name not in found]
    if missing:
        raise ValueError(f"{described.__module__}: Attributes lacks {', '.join(missing)}")
    return found


def meanings(described: type[Any]) -> dict[str, str]:
    """Read those Attributes that a class's docstring has."""
    found: dict[str, str] = {}
    name = ""
    text = (inspect.getdoc(described) or "").partition("Attributes:\n")[2]
    for line in text.split("\n"):
        start = _ATTRIBUTE.match(line)
        if start:
            name = start["name"]
            found[name] = start["text"]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _value(value: object) -> str:
    match value:
        case None:
            return "none"
        case "":
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{format_duration(value)}`"
        case _:
            return f"`{value}`"


def _example(example: Example) -> str:
    said = _cell(_decision(example.expect))
    return f"| `{example.signal.type}`: {_cell(example.title)} | {said} |"


def _decision(decision: Decision) -> str:
    match decision:
        case Act(steps):
            return "**act**: " + ", ".join(f"`{step.verb}`" for step in steps)
        case Hold(reason, until, detail):
            moment = f" until {write_moment(until)}" if until else ""
            return f"**hold** `{reason}`{moment}{_detail(detail)}"
        case Skip(reason, detail):
            return f"**skip** `{reason}`{_detail(detail)}"


def _detail(detail: str) -> str:
    return f" ({detail})" if detail else ""


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(catalogue())
