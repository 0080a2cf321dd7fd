"""The rungs of a rule as its file gives them, before anything is looked up.

``remediate`` is a name, or a list of rungs. A rung is a name, or a name with its
settings, among which ``verify`` and ``timeout`` are the rung's own; or, where a
remediation has a setting of such a name, with its settings apart:
``drain_node: {with: {timeout: 2m}, timeout: 25m}``.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.rules.documents import Entry, Items, Node, Scalar, Table
from shared.rules.problems import Place, Problems

RUNGS_AT_MOST = 8
RUNG_KEYS = ("verify", "timeout")
APART = "with"
NO_RUNG = "(no rung)"
"""Stands for the remediation of a ladder without a good rung, which was reported."""


@dataclass(frozen=True, slots=True)
class RungDraft:
    """One rung that is not checked yet.

    Attributes:
        place: Where its name stands.
        settings: What its remediation is told, or None.
        demands: ``verify`` and ``timeout``, as far as they are given.
        is_flat: They stand among the settings.
    """

    name: str
    place: Place
    settings: Entry | None
    demands: dict[str, Entry]
    is_flat: bool = True


def split(table: Table, problems: Problems) -> tuple[Table, tuple[RungDraft, ...]]:
    """Take the rungs out of a rule: the first's name and settings stay in its table."""
    entry = table.entries.get("remediate")
    if entry is None or not isinstance(entry.node, Items):
        return table, ()
    nodes = entry.node.nodes
    if not nodes:
        problems.add(entry.node.place, "there is no rung", "write remediate: drain_node")
    if len(nodes) > RUNGS_AT_MOST:
        message = f"a ladder of {len(nodes)} rungs"
        problems.add(nodes[RUNGS_AT_MOST].place, message, f"write at most {RUNGS_AT_MOST}")
    found = [_rung(node, problems) for node in nodes[:RUNGS_AT_MOST]]
    rungs = tuple(rung for rung in found if rung is not None)
    entries = {**table.entries, "remediate": Entry(entry.key, Scalar(NO_RUNG, entry.key))}
    if rungs:
        first = rungs[0]
        entries["remediate"] = Entry(entry.key, Scalar(first.name, first.place))
        if first.settings is not None and "with" in entries:
            message = "the settings are given twice: in with and in remediate"
            problems.add(first.settings.key, message, "keep one of them")
        elif first.settings is not None:
            entries["with"] = first.settings
    return Table(entries, table.place), rungs


def _rung(node: Node, problems: Problems) -> RungDraft | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return RungDraft(node.value, node.place, None, {})
    if isinstance(node, Table) and len(node.entries) == 1:
        ((name, entry),) = node.entries.items()
        inner = entry.node
        if isinstance(inner, Scalar) and inner.value is None:
            return RungDraft(name, entry.key, None, {})
        if isinstance(inner, Table):
            return _with_settings(name, entry.key, inner, problems)
        message = f"what {name} is told is no mapping"
        problems.add(inner.place, message, f"write {name}: {{setting: value}}")
        return None
    suggestion = "write its name, or its name and settings: drain_node: {margin: 5s}"
    problems.add(node.place, "this is not one remediation", suggestion)
    return None


def _with_settings(name: str, place: Place, inner: Table, problems: Problems) -> RungDraft:
    demands = {key: inner.entries[key] for key in RUNG_KEYS if key in inner.entries}
    rest = {key: one for key, one in inner.entries.items() if key not in demands}
    if APART not in rest:
        settings = Entry(place, Table(rest, inner.place)) if rest else None
        return RungDraft(name, place, settings, demands)
    apart = rest.pop(APART)
    for key, entry in rest.items():
        message = f"{key!r} stands beside with, where only verify and timeout may"
        problems.add(entry.key, message, f"move {key} into with")
    return RungDraft(name, place, apart, demands, is_flat=False)
