"""Rule files -> a rule book, or everything that is wrong with them at once.

Imported once, when rules load: the YAML parser is not worth its import anywhere else,
and pydantic only where a rule is wrong. Reads no file: an adapter hands the texts in.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.core.facts import FactsKind
from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.rules import rungs, versions
from shared.rules.book import Rule, RuleBook, RuleTest, Rung
from shared.rules.compiling import compile_at
from shared.rules.conditions import Condition
from shared.rules.content import content_of, hash_of
from shared.rules.documents import Entry, Node, Scalar, Table, locate
from shared.rules.drafts import Draft, merge
from shared.rules.ladders import NO_RUNG
from shared.rules.problems import Problems, instead
from shared.rules.refusals import refuse_demands
from shared.rules.shape import RuleShape, freeze_of, shape

Remediations = Mapping[str, Remediation]


def load_rules(layers: Sequence[Mapping[str, str]], remediations: Remediations) -> RuleBook:
    """Load rules from layers of files; a later layer wins by rule name, key by key.

    Args:
        layers: Each maps file names, as problems shall name them, to their texts.
        remediations: What rules may name.

    Returns:
        The rules by priority, equals in the order of the files.

    Raises:
        RulesRefused: Anything is wrong; it carries every problem found.
    """
    problems = Problems()
    drafts = merge(layers, problems)
    names = [draft.name for draft in drafts.rules]
    rules = [_rule(draft, remediations, names, problems) for draft in drafts.rules]
    freezes = [freeze_of(draft, problems) for draft in drafts.freezes]
    for block in drafts.blocks:
        _check_block(block, problems)
    problems.refuse_if_any([file for layer in layers for file in layer])
    good = [rule for rule in rules if rule is not None]
    return RuleBook(
        tuple(sorted(good, key=lambda rule: -rule.priority)),
        tuple(one for one in freezes if one is not None),
    )


def _check_block(block: Draft, problems: Problems) -> None:
    """Check a block as far as it can be without a rule, so that an unused one is right."""
    model = shape(block, problems)
    _condition_of(block, model.approval.when, ("approval", "when"), None, problems)


def _rule(
    draft: Draft, remediations: Remediations, names: list[str], problems: Problems
) -> Rule | None:
    """Check a merged rule with its overrides."""
    base, scoped = versions.split(draft, problems)
    if not {"on", "remediate"} & draft.table.entries.keys():
        shape(base, problems)
        _refuse_bare(draft, names, problems)
        return None
    before = len(problems)
    rule = _build(base, remediations, problems)
    built = [(scope, _build(version, remediations, problems)) for scope, version in scoped]
    if rule is None or len(problems) > before:
        return None
    overrides = tuple((scope, one) for scope, one in built if one is not None)
    whole = replace(rule, overrides=overrides)
    return replace(whole, hash=hash_of(content_of(whole)))


def _build(draft: Draft, remediations: Remediations, problems: Problems) -> Rule | None:
    """Check one version of a rule in every part that can be; build it if all are good."""
    before = len(problems)
    model = shape(draft, problems)
    remediation = _remediation(draft, model, remediations, problems)
    on = _signals(draft, model, remediation, problems)
    facts = remediation.facts if remediation else None
    condition = _condition_of(draft, model.when, ("when",), facts, problems)
    asked = model.approval
    approval_when = _condition_of(draft, asked.when, ("approval", "when"), facts, problems)
    first = _first(draft, remediation, problems)
    rest = [rungs.later(one, on, remediations, problems) for one in draft.rungs[1:]]
    refuse_demands(draft, model, on, remediation, problems)
    if len(problems) > before or first is None or condition is None:
        return None
    guard = model.guard
    rule = Rule(
        name=model.name,
        on=on,
        condition=condition,
        remediation=first.remediation,
        settings=first.settings,
        mode=model.mode,
        cooldown=guard.cooldown,
        hash="",
        source=f"{draft.place.file}:{draft.place.line}",
        description=model.description,
        notes=model.notes,
        max_age=guard.max_age,
        freezes=guard.freezes,
        verify=first.verify,
        timeout=first.timeout,
        ladder=tuple(rung for rung in rest if rung is not None),
        priority=model.priority,
        match=model.match,
        strikes=model.strikes,
        limits=guard.limits,
        canary=guard.canary,
        breaker=guard.breaker,
        budget=guard.budget,
        approval=asked.terms,
        approval_when=approval_when,
        notify=model.notify,
        tests=_tests(draft, model),
    )
    return replace(rule, hash=hash_of(content_of(rule)))


def _refuse_bare(draft: Draft, names: list[str], problems: Problems) -> None:
    """Report a rule that only changes another, of which there is none by its name."""
    others = [name for name in names if name != draft.name]
    near = difflib.get_close_matches(draft.name, others, n=1)
    message = f"the rule {draft.name!r} has no on and no remediate, here or in earlier layers"
    suggestion = f"did you mean {near[0]}?" if near else "write on: and remediate:"
    problems.add(draft.place, message, suggestion)


def _remediation(
    draft: Draft, model: RuleShape, remediations: Remediations, problems: Problems
) -> Remediation | None:
    if model.remediate is None or model.remediate == NO_RUNG:
        if "remediate" not in draft.table.entries:
            suggestion = instead("", remediations, "remediation")
            message = f"the rule {draft.name!r} has no remediate"
            problems.add(draft.place, message, suggestion)
        return None
    found = remediations.get(model.remediate)
    if found is None:
        suggestion = instead(model.remediate, remediations, "remediation")
        place = locate(draft.table, ("remediate",))[1]
        problems.add(place, f"unknown remediation {model.remediate!r}", suggestion)
    return found


def _signals(
    draft: Draft, model: RuleShape, remediation: Remediation | None, problems: Problems
) -> frozenset[SignalType]:
    if model.on is None and "on" not in draft.table.entries:
        answers = remediation.answers if remediation else frozenset(SignalType)
        suggestion = instead("", answers, "signal")
        problems.add(draft.place, f"the rule {draft.name!r} has no on", suggestion)
    on = model.on or ()
    for index, signal in enumerate(on):
        if remediation and signal not in remediation.answers:
            place = locate(draft.table, ("on", index))[1]
            suggestion = "it answers " + ", ".join(sorted(remediation.answers))
            message = f"{remediation.name} does not answer {signal}"
            problems.add(place, message, suggestion)
    return frozenset(on)


def _first(draft: Draft, remediation: Remediation | None, problems: Problems) -> Rung | None:
    """Check the first rung, or the only remediation."""
    if remediation is None:
        return None
    entry = draft.table.entries.get("with")
    table = entry.node if entry and isinstance(entry.node, Table) else None
    if table is None:
        table = Table({}, entry.node.place if entry else draft.place)
    settings = rungs.settings_of(table, remediation, "with", problems)
    if not draft.rungs:
        return Rung(remediation, settings)
    return rungs.checked(draft.rungs[0], remediation, settings, problems)


def _condition_of(
    draft: Draft,
    text: str | None,
    path: tuple[str, ...],
    facts: FactsKind | None,
    problems: Problems,
) -> Condition | None:
    """Compile the condition at a place of the rule; None if there is none."""
    if text is None:
        return None
    return compile_at(text, _node(draft.table, path), ".".join(path), facts, problems)


def _node(table: Table, path: tuple[str, ...]) -> Node:
    """Find what stands at a place; where nothing does, the table itself stands for it."""
    found: Node = table
    for key in path:
        entry: Entry | None = found.entries.get(key) if isinstance(found, Table) else None
        if entry is None:
            return Scalar(None, table.place)
        found = entry.node
    return found


def _tests(draft: Draft, model: RuleShape) -> tuple[RuleTest, ...]:
    places = [locate(draft.table, ("tests", index))[1] for index in range(len(model.tests))]
    return tuple(
        replace(test, source=f"{place.file}:{place.line}")
        for test, place in zip(model.tests, places, strict=True)
    )
