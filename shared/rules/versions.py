"""Overrides as a rule file gives them: the rule again, with other terms for a scope."""

from __future__ import annotations

from dataclasses import replace

from shared.core.pauses import Scope, ScopeKind
from shared.rules.documents import Entry, Items, Node, Scalar, Table
from shared.rules.drafts import TERMS, Draft, over
from shared.rules.problems import Problems, instead

KEYS = TERMS | {"scope", "with"}
OVERRIDES_AT_MOST = 50
KINDS = (ScopeKind.SUBSCRIPTION, ScopeKind.RESOURCE_GROUP, ScopeKind.RESOURCE, ScopeKind.TAG)
SCOPES = "write subscription:GUID, resource_group:ID, resource:ID or tag:NAME=VALUE"


def split(rule: Draft, problems: Problems) -> tuple[Draft, tuple[tuple[Scope, Draft], ...]]:
    """Take the overrides out of a rule, each laid over it under its scope."""
    entry = rule.table.entries.get("overrides")
    if entry is None:
        return rule, ()
    base = replace(rule, table=_without(rule.table, "overrides"))
    if not isinstance(entry.node, Items):
        wanted = "write a list: - {scope: 'tag:environment=prod', mode: observe}"
        problems.add(entry.node.place, "overrides is no list", wanted)
        return base, ()
    if len(entry.node.nodes) > OVERRIDES_AT_MOST:
        message = f"there are {len(entry.node.nodes)} overrides"
        problems.add(entry.key, message, f"write at most {OVERRIDES_AT_MOST}")
        return base, ()
    found: dict[str, tuple[Scope, Draft]] = {}
    for node in entry.node.nodes:
        one = _override(base, node, problems)
        if one is None:
            continue
        first = found.setdefault(_folded(one[0]), one)
        if first is not one:
            message = f"the scope {one[0]} is overridden already at {first[1].place}"
            problems.add(one[1].place, message, "keep one of them")
    return base, tuple(found.values())


def _override(base: Draft, node: Node, problems: Problems) -> tuple[Scope, Draft] | None:
    if not isinstance(node, Table):
        problems.add(node.place, "an override is not a mapping", "write - scope: and its keys")
        return None
    for key, entry in node.entries.items():
        if key not in KEYS:
            suggestion = instead(key, KEYS, "key")
            problems.add(entry.key, f"unknown key {key!r} in an override", suggestion)
    given = node.entries.get("scope")
    if given is None:
        problems.add(node.place, "this override has no scope", SCOPES)
        return None
    scope = _scope(given, problems)
    if scope is None:
        return None
    entries = {key: one for key, one in node.entries.items() if key in KEYS - {"scope"}}
    later = replace(base, table=Table(entries, node.place))
    laid = over(replace(base, table=_without(base.table, "tests")), later)
    return scope, replace(laid, place=given.node.place)


def _scope(given: Entry, problems: Problems) -> Scope | None:
    node = given.node
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        problems.add(node.place, "the scope is no text", SCOPES)
        return None
    try:
        scope = Scope.parse(node.value)
    except ValueError as error:
        problems.add(node.place, str(error).rpartition(": ")[0], SCOPES)
        return None
    if scope.kind not in KINDS:
        message = f"a rule has no other terms for {scope.kind}"
        problems.add(node.place, message, SCOPES)
        return None
    return scope


def _folded(scope: Scope) -> str:
    """Name a scope as Azure compares it: ids and names of tags fold case, values do not."""
    if scope.kind is not ScopeKind.TAG:
        return str(scope).casefold()
    name, _, value = scope.value.partition("=")
    return f"{scope.kind}:{name.casefold()}={value}"


def _without(table: Table, key: str) -> Table:
    entries = {name: entry for name, entry in table.entries.items() if name != key}
    return Table(entries, table.place)
