"""Rules as the layers give them, merged by name before they are checked.

A later layer's rule overrides the keys that it gives, ``with`` and ``guard`` key by
key; everything else of the earlier rule stays. A rule that a later layer sends to
another remediation leaves the earlier one's settings behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.rules.documents import Entry, Items, Node, Scalar, Table, read
from shared.rules.problems import Place, Problems, instead

FILE_KEYS = frozenset({"freezes", "rules"})
FILE_LATER = frozenset({"blocks", "defaults", "overrides"})
DEEP = ("with", "guard")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule or a freeze that is not checked yet. ``place`` is where its name stands."""

    name: str
    table: Table
    place: Place
    what: str = "rule"


@dataclass(frozen=True, slots=True)
class Drafts:
    """What files say, not checked yet; a later layer's freeze replaces one of its name."""

    rules: list[Draft] = field(default_factory=list)
    freezes: list[Draft] = field(default_factory=list)


def merge(layers: Sequence[Mapping[str, str]], problems: Problems) -> Drafts:
    """Read every file of every layer and merge rules and freezes by name, in order."""
    rules: dict[str, Draft] = {}
    freezes: dict[str, Draft] = {}
    for layer in layers:
        found = [_file(file, text, problems) for file, text in layer.items()]
        for name, draft in _once("rule", [one.rules for one in found], problems).items():
            earlier = rules.get(name)
            rules[name] = draft if earlier is None else _over(earlier, draft)
        freezes |= _once("freeze", [one.freezes for one in found], problems)
    return Drafts(list(rules.values()), list(freezes.values()))


def _once(what: str, files: list[list[Draft]], problems: Problems) -> dict[str, Draft]:
    """Collect one layer's drafts by name; the same name twice is a mistake."""
    drafts: dict[str, Draft] = {}
    for draft in (one for file in files for one in file):
        first = drafts.setdefault(draft.name, draft)
        if first is not draft:
            message = f"the {what} {draft.name!r} is already defined at {first.place}"
            problems.add(draft.place, message, "give it another name, or keep one of them")
    return drafts


def _file(file: str, text: str, problems: Problems) -> Drafts:
    before = len(problems)
    node = read(file, text, problems)
    if len(problems) > before:
        return Drafts()
    if not isinstance(node, Table):
        place = node.place if node else Place(file, 1, 1)
        problems.add(place, "the file holds no rules", "begin it with the line 'rules:'")
        return Drafts()
    for key, entry in node.entries.items():
        if key in FILE_LATER:
            problems.add(entry.key, f"not in this version: {key}", f"leave {key} out")
        elif key not in FILE_KEYS:
            suggestion = instead(key, FILE_KEYS, "key")
            problems.add(entry.key, f"unknown key {key!r} in a rule file", suggestion)
    rules = node.entries.get("rules")
    if rules is None or not isinstance(rules.node, Items):
        place = rules.node.place if rules else node.place
        problems.add(place, "there is no list of rules", "write rules: and a list, or []")
        return Drafts(freezes=_freezes(node, problems))
    drafts = [_draft("rule", rule, problems) for rule in rules.node.nodes]
    good = [draft for draft in drafts if draft is not None]
    shaped = [replace(one, table=_one_form(one.table, problems)) for one in good]
    return Drafts(shaped, _freezes(node, problems))


def _freezes(table: Table, problems: Problems) -> list[Draft]:
    entry = table.entries.get("freezes")
    if entry is None:
        return []
    if not isinstance(entry.node, Items):
        problems.add(entry.node.place, "freezes is no list", "write - name: and its keys")
        return []
    drafts = [_draft("freeze", node, problems) for node in entry.node.nodes]
    return [draft for draft in drafts if draft is not None]


def _draft(what: str, node: Node, problems: Problems) -> Draft | None:
    if not isinstance(node, Table):
        problems.add(node.place, f"a {what} is not a mapping", "write - name: and its keys")
        return None
    entry = node.entries.get("name")
    if entry is None:
        message = f"this {what} has no name"
        problems.add(node.place, message, "write name: and a unique name")
        return None
    if not isinstance(entry.node, Scalar) or not isinstance(entry.node.value, str):
        problems.add(entry.node.place, "the name is not text", "write words-with-hyphens")
        return None
    return Draft(entry.node.value, node, entry.node.place, what)


def _one_form(table: Table, problems: Problems) -> Table:
    """Turn ``remediate: [{name: settings}]`` into ``remediate: name`` and ``with``."""
    entry = table.entries.get("remediate")
    if entry is None or not isinstance(entry.node, Items):
        return table
    rungs = entry.node.nodes
    entries = {key: value for key, value in table.entries.items() if key != "remediate"}
    rung = rungs[0] if rungs else None
    if len(rungs) > 1:
        message = "not in this version: ladders of several rungs"
        problems.add(rungs[1].place, message, "keep the first rung")
    if isinstance(rung, Scalar):
        entries["remediate"] = Entry(entry.key, rung)
    elif isinstance(rung, Table) and len(rung.entries) == 1:
        ((name, inner),) = rung.entries.items()
        entries["remediate"] = Entry(entry.key, Scalar(name, inner.key))
        if "with" in entries:
            message = "the settings are given twice: in with and in remediate"
            problems.add(inner.key, message, "keep one of them")
        elif not isinstance(inner.node, Scalar) or inner.node.value is not None:
            entries["with"] = inner
    else:
        place = entry.node.place if rung is None else rung.place
        problems.add(place, "this is not one remediation", "write remediate: drain_node")
    return Table(entries, table.place)


def _over(earlier: Draft, later: Draft) -> Draft:
    entries = dict(earlier.table.entries)
    if _remediation(later.table) not in {None, _remediation(earlier.table)}:
        entries.pop("with", None)
    for key, entry in later.table.entries.items():
        below = entries.get(key)
        if (
            key in DEEP
            and below
            and isinstance(below.node, Table)
            and isinstance(entry.node, Table)
        ):
            node = replace(entry.node, entries={**below.node.entries, **entry.node.entries})
            entries[key] = Entry(entry.key, node)
        else:
            entries[key] = entry
    return replace(earlier, table=Table(entries, earlier.table.place))


def _remediation(table: Table) -> object:
    entry = table.entries.get("remediate")
    return entry.node.value if entry and isinstance(entry.node, Scalar) else None
