"""Rules as the layers give them, merged by name before they are checked.

A later layer's rule overrides the keys that it gives, ``with`` and ``guard`` key by
key; everything else of the earlier rule stays. A rule that a later layer sends to
another remediation leaves the earlier one's settings behind. Blocks merge likewise, and
then lie under the rules that use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.rules.documents import Entry, Items, Node, Scalar, Table, read
from shared.rules.ladders import RungDraft, split
from shared.rules.problems import Place, Problems, instead

FILE_KEYS = frozenset({"blocks", "freezes", "rules"})
TERMS = frozenset({"mode", "strikes", "guard", "approval", "notify"})
"""What a block may hold, and an override too."""
DEEP = ("with", "guard")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule, a block or a freeze that is not checked yet.

    Attributes:
        place: Where its name stands.
        rungs: All of its ladder, if it has one; the first's settings are in the table.
    """

    name: str
    table: Table
    place: Place
    what: str = "rule"
    rungs: tuple[RungDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Drafts:
    """What files say, not checked yet; a later layer's freeze replaces one of its name."""

    rules: list[Draft] = field(default_factory=list)
    freezes: list[Draft] = field(default_factory=list)
    blocks: list[Draft] = field(default_factory=list)


def merge(layers: Sequence[Mapping[str, str]], problems: Problems) -> Drafts:
    """Read every file of every layer and merge rules, blocks and freezes by name."""
    rules: dict[str, Draft] = {}
    blocks: dict[str, Draft] = {}
    freezes: dict[str, Draft] = {}
    for layer in layers:
        found = [_file(file, text, problems) for file, text in layer.items()]
        _lay(rules, _once("rule", [one.rules for one in found], problems))
        _lay(blocks, _once("block", [one.blocks for one in found], problems))
        freezes |= _once("freeze", [one.freezes for one in found], problems)
    used = [_over_blocks(rule, blocks, problems) for rule in rules.values()]
    return Drafts(used, list(freezes.values()), list(blocks.values()))


def _lay(drafts: dict[str, Draft], layer: Mapping[str, Draft]) -> None:
    for name, draft in layer.items():
        drafts[name] = over(drafts[name], draft) if name in drafts else draft


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
        if key not in FILE_KEYS:
            suggestion = instead(key, FILE_KEYS, "key")
            problems.add(entry.key, f"unknown key {key!r} in a rule file", suggestion)
    drafts = Drafts(freezes=_listed("freeze", node, problems))
    for block in _listed("block", node, problems):
        drafts.blocks.append(replace(block, table=_terms(block.table, problems)))
    if "rules" not in node.entries or not isinstance(node.entries["rules"].node, Items):
        place = node.entries["rules"].node.place if "rules" in node.entries else node.place
        problems.add(place, "there is no list of rules", "write rules: and a list, or []")
        return drafts
    for rule in _listed("rule", node, problems):
        table, rungs = split(rule.table, problems)
        drafts.rules.append(replace(rule, table=table, rungs=rungs))
    return drafts


def _listed(what: str, file: Table, problems: Problems) -> list[Draft]:
    entry = file.entries.get(f"{what}s")
    if entry is None:
        return []
    if not isinstance(entry.node, Items):
        problems.add(entry.node.place, f"{what}s is no list", "write - name: and its keys")
        return []
    drafts = [_draft(what, node, problems) for node in entry.node.nodes]
    return [draft for draft in drafts if draft is not None]


def _terms(block: Table, problems: Problems) -> Table:
    """Keep what a block may hold."""
    for key, entry in block.entries.items():
        if key not in TERMS | {"name"}:
            suggestion = instead(key, TERMS, "key")
            problems.add(entry.key, f"unknown key {key!r} in a block", suggestion)
    entries = {k: entry for k, entry in block.entries.items() if k in TERMS | {"name"}}
    return Table(entries, block.place)


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


def over(earlier: Draft, later: Draft) -> Draft:
    """Lay one draft over another: its keys count, guard and settings key by key."""
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
    rungs = later.rungs if "remediate" in later.table.entries else earlier.rungs
    return replace(earlier, table=Table(entries, earlier.table.place), rungs=rungs)


def _remediation(table: Table) -> object:
    entry = table.entries.get("remediate")
    return entry.node.value if entry and isinstance(entry.node, Scalar) else None


def _over_blocks(rule: Draft, blocks: Mapping[str, Draft], problems: Problems) -> Draft:
    """Lay a rule over the blocks that it uses."""
    entry = rule.table.entries.get("use")
    if entry is None:
        return rule
    own = {key: one for key, one in rule.table.entries.items() if key != "use"}
    found = replace(rule, table=Table({}, rule.table.place))
    for node in entry.node.nodes if isinstance(entry.node, Items) else (entry.node,):
        name = node.value if isinstance(node, Scalar) else None
        if not isinstance(name, str):
            problems.add(node.place, "this is no block's name", "write use: NAME, or a list")
        elif name not in blocks:
            suggestion = instead(name, blocks, "block")
            problems.add(node.place, f"there is no block {name!r}", suggestion)
        else:
            found = over(found, replace(blocks[name], table=_unnamed(blocks[name].table)))
    return over(found, replace(rule, table=Table(own, rule.table.place)))


def _unnamed(block: Table) -> Table:
    entries = {key: entry for key, entry in block.entries.items() if key != "name"}
    return Table(entries, block.place)
