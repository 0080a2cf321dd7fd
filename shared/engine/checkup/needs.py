"""Which operations the rules in force need, and which rule needs each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.core import operations
from shared.core.facts import FactsKind
from shared.core.operations import Operations
from shared.core.plans import Mode
from shared.core.settings import Settings
from shared.engine.night import Night
from shared.rules.book import Rule
from shared.surveys import discover

_ACTS = frozenset({Mode.SUGGEST, Mode.AUTO})


@dataclass(frozen=True, slots=True)
class Need:
    """One operation.

    Attributes:
        because: Who needs it, as in ``rule drain-nodes (drain_node: cordon)``.
    """

    operation: str
    is_data: bool
    because: tuple[str, ...]


def needs(night: Night) -> tuple[Need, ...]:
    """List what the app needs to do as its rules say, each operation once.

    A rule that observes needs its reads; one that suggests or acts what its remediations
    do, on every rung and in every version of it; one that is off nothing.
    """
    found: dict[tuple[str, bool], list[str]] = {}
    spelled: dict[tuple[str, bool], str] = {}
    everybody = (*_of_rules(night), *_of_settings(night.settings), *_of_surveys(night))
    for who, wanted in everybody:
        for is_data, names in ((False, wanted.actions), (True, wanted.data_actions)):
            for name in names:
                key = (name.casefold(), is_data)
                spelled.setdefault(key, name)
                whom = found.setdefault(key, [])
                if who not in whom:
                    whom.append(who)
    return tuple(
        Need(spelled[key], key[1], tuple(whom)) for key, whom in sorted(found.items())
    )


def _of_rules(night: Night) -> Iterator[tuple[str, Operations]]:
    for rule in night.every_rule:
        for version in (rule, *(one for _, one in rule.overrides)):
            yield from _of_rule(version)


def _of_rule(rule: Rule) -> Iterator[tuple[str, Operations]]:
    if rule.mode is Mode.OFF:
        return
    for rung in rule.rungs:
        name = rung.remediation.name
        yield f"rule {rule.name} ({name}: reads)", operations.READS[rung.remediation.facts]
        if rule.mode in _ACTS:
            for verb in sorted(rung.remediation.verbs):
                yield f"rule {rule.name} ({name}: {verb})", operations.VERBS[verb]


def _of_settings(settings: Settings) -> Iterator[tuple[str, Operations]]:
    yield "nightshift doctor (roles)", operations.CHECKUP
    if settings.acknowledge == "control_plane":
        yield "setting NIGHTSHIFT_ACKNOWLEDGE=control_plane", operations.ACKNOWLEDGE
    if settings.subscriptions or settings.workspaces:
        yield "timer tick_idle", operations.READS[FactsKind.MACHINE]
    if settings.subscriptions:
        yield "timer tick_reconcile", operations.RECONCILE


def _of_surveys(night: Night) -> Iterator[tuple[str, Operations]]:
    """Ask for what a survey reads where some rule that is not off answers it."""
    said = {one for rule in night.every_rule if rule.mode is not Mode.OFF for one in rule.on}
    for survey in discover().values():
        if survey.says in said:
            yield f"survey {survey.name}", Operations(survey.actions)
