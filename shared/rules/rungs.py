"""Rungs of a ladder, checked: known remediations, their settings, verify and timeout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.rules.book import Rung
from shared.rules.compiling import compile_verify
from shared.rules.conditions import Condition
from shared.rules.documents import Items, Table, locate, plain
from shared.rules.ladders import RungDraft
from shared.rules.measures import span
from shared.rules.problems import Place, Problems, instead
from shared.rules.settings import convert, known_settings, shown

VERIFIES_AT_MOST = 20
_timeout = span(timedelta(seconds=1), timedelta(days=7))


def checked(
    draft: RungDraft,
    remediation: Remediation,
    settings: object,
    problems: Problems,
) -> Rung:
    """Check what a rung demands beside its settings."""
    if draft.is_flat:
        for key in draft.demands.keys() & known_settings(remediation.settings).keys():
            message = f"{remediation.name} has a setting {key!r} too: which is meant?"
            instead_of = f"write {remediation.name}: {{with: {{{key}: ...}}}} for the setting"
            suggestion = f"{instead_of}, and {key} beside with for the rung's own"
            problems.add(draft.demands[key].key, message, suggestion)
    timeout = _timeout_of(draft, problems)
    return Rung(remediation, settings, _verify(draft, remediation, problems), timeout)


def later(
    draft: RungDraft,
    on: frozenset[SignalType],
    remediations: Mapping[str, Remediation],
    problems: Problems,
) -> Rung | None:
    """Check a rung after the first."""
    remediation = remediations.get(draft.name)
    if remediation is None:
        suggestion = instead(draft.name, remediations, "remediation")
        problems.add(draft.place, f"unknown remediation {draft.name!r}", suggestion)
        return None
    unanswered = on - remediation.answers
    if unanswered:
        message = f"{remediation.name} does not answer {', '.join(sorted(unanswered))}"
        suggestion = "it answers " + ", ".join(sorted(remediation.answers))
        problems.add(draft.place, message, suggestion)
    table = Table({}, draft.place)
    if draft.settings is not None and isinstance(draft.settings.node, Table):
        table = draft.settings.node
    elif draft.settings is not None:
        message = f"the settings of {draft.name} are no mapping"
        problems.add(draft.settings.node.place, message, "write with: {setting: value}")
    settings = settings_of(table, remediation, draft.name, problems)
    return checked(draft, remediation, settings, problems)


def settings_of(
    table: Table, remediation: Remediation, where: str, problems: Problems
) -> object:
    """Convert a remediation's settings; None if they are refused."""
    known = known_settings(remediation.settings)
    values: dict[str, object] = {}
    for name, value in _plain(table).items():
        key, place = locate(table, (name,))
        if name in known:
            try:
                values[name] = convert(value, known[name])
            except ValueError as error:
                refuse(place, f"{where}.{name}", error, problems)
        else:
            message = f"{remediation.name} has no setting {name!r}"
            problems.add(key, message, _suggestion(name, known))
    try:
        return remediation.settings(**values)
    except ValueError as error:
        refuse(table.place, where, error, problems)
        return None


def refuse(place: Place, where: str, error: ValueError, problems: Problems) -> None:
    """Report a value that was refused with ``what is wrong: what to write``."""
    wrong, _, suggestion = str(error).rpartition(": ")
    problems.add(place, f"{where}: {wrong}" if wrong else where, suggestion)


def _plain(table: Table) -> dict[str, object]:
    return {key: plain(entry.node) for key, entry in table.entries.items()}


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    if name in {"verify", "timeout"}:
        return f"write {name} in the ladder: remediate: [name: {{{name}: ...}}]"
    return instead(name, known, "setting")


def _timeout_of(draft: RungDraft, problems: Problems) -> timedelta | None:
    entry = draft.demands.get("timeout")
    if entry is None:
        return None
    try:
        return _timeout(plain(entry.node))
    except ValueError as error:
        refuse(entry.node.place, f"{draft.name}.timeout", error, problems)
        return None


def _verify(
    draft: RungDraft, remediation: Remediation, problems: Problems
) -> tuple[Condition, ...]:
    entry = draft.demands.get("verify")
    if entry is None:
        return ()
    where = f"{draft.name}.verify"
    nodes = entry.node.nodes if isinstance(entry.node, Items) else (entry.node,)
    if not nodes or len(nodes) > VERIFIES_AT_MOST or isinstance(entry.node, Table):
        given = shown(plain(entry.node))
        suggestion = f"write one condition, or a list of 1 to {VERIFIES_AT_MOST}"
        problems.add(entry.node.place, f"{where} does not fit: it is {given}", suggestion)
        return ()
    found = [compile_verify(node, where, remediation.facts, problems) for node in nodes]
    return tuple(one for one in found if one is not None)
