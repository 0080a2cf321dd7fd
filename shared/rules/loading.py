"""Rule files -> a rule book, or everything that is wrong with them at once.

Imported once, when rules load: the YAML parser is not worth its import anywhere else,
and pydantic only where a rule is wrong. Reads no file: an adapter hands the texts in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.rules.book import Rule, RuleBook, content_of, hash_of
from shared.rules.checking import check
from shared.rules.conditions import Condition, compile_condition
from shared.rules.documents import Scalar, locate
from shared.rules.drafts import Draft, merge
from shared.rules.problems import Place, Problems, instead
from shared.rules.settings import convert, known_settings
from shared.rules.shape import RUNG_LATER, RuleShape, freeze_of, shape

Remediations = Mapping[str, Remediation]

_SYNTAX = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]+)")


def load_rules(layers: Sequence[Mapping[str, str]], remediations: Remediations) -> RuleBook:
    """Load rules from layers of files; a later layer wins by rule name, key by key.

    Args:
        layers: Each maps file names, as problems shall name them, to their texts.
        remediations: What rules may name.

    Raises:
        RulesRefused: Anything is wrong; it carries every problem found.
    """
    problems = Problems()
    drafts = merge(layers, problems)
    names = [draft.name for draft in drafts.rules]
    rules = [_rule(draft, remediations, names, problems) for draft in drafts.rules]
    freezes = [freeze_of(draft, problems) for draft in drafts.freezes]
    problems.refuse_if_any([file for layer in layers for file in layer])
    return RuleBook(
        tuple(rule for rule in rules if rule is not None),
        tuple(one for one in freezes if one is not None),
    )


def _rule(
    draft: Draft, remediations: Remediations, names: list[str], problems: Problems
) -> Rule | None:
    """Check a merged rule in every part that can be checked; build it if all are good."""
    before = len(problems)
    model = shape(draft, problems)
    if not {"on", "remediate"} & draft.table.entries.keys():
        _refuse_bare(draft, names, problems)
        return None
    remediation = _remediation(draft, model, remediations, problems)
    on = _signals(draft, model, remediation, problems)
    settings = _settings(draft, model, remediation, problems)
    condition = _condition(draft, model, remediation, problems)
    if len(problems) > before or remediation is None or condition is None:
        return None
    rule = Rule(
        name=model.name,
        on=on,
        condition=condition,
        remediation=remediation,
        settings=settings,
        mode=model.mode,
        cooldown=model.cooldown,
        hash="",
        source=f"{draft.place.file}:{draft.place.line}",
        description=model.description,
        notes=model.notes,
        max_age=model.max_age,
        freezes=model.freezes,
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
    if model.remediate is None:
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


def _settings(
    draft: Draft, model: RuleShape, remediation: Remediation | None, problems: Problems
) -> object:
    """Convert ``with`` to the remediation's own settings."""
    if remediation is None:
        return None
    known = known_settings(remediation.settings)
    values: dict[str, object] = {}
    for name, value in model.settings.items():
        key, place = locate(draft.table, ("with", name))
        if name in known:
            try:
                values[name] = convert(value, known[name])
            except ValueError as error:
                _refuse(place, f"with.{name}", error, problems)
        elif name in RUNG_LATER:
            problems.add(key, f"not in this version: {name}", f"leave {name} out")
        else:
            message = f"{remediation.name} has no setting {name!r}"
            problems.add(key, message, instead(name, known, "setting"))
    try:
        return remediation.settings(**values)
    except ValueError as error:
        _refuse(locate(draft.table, ("with",))[1], "with", error, problems)
        return None


def _refuse(place: Place, where: str, error: ValueError, problems: Problems) -> None:
    """Report a value that was refused with ``what is wrong: what to write``."""
    wrong, _, suggestion = str(error).rpartition(": ")
    problems.add(place, f"{where}: {wrong}" if wrong else where, suggestion)


def _condition(
    draft: Draft, model: RuleShape, remediation: Remediation | None, problems: Problems
) -> Condition | None:
    """Compile the condition and check the names in it."""
    try:
        condition = compile_condition(model.when)
    except ValueError as error:
        _refuse_syntax(draft, model.when, str(error), problems)
        return None

    def report(at: int, message: str, suggestion: str) -> None:
        problems.add(_within(draft, at), f"when: {message}", suggestion)

    check(condition, remediation.facts if remediation else None, report)
    return condition


def _refuse_syntax(draft: Draft, text: str, error: str, problems: Problems) -> None:
    """Report the compiler's first finding at its own position."""
    found = _SYNTAX.search(error)
    line, column, what = found.groups() if found else ("1", "1", error)
    at = int(column) - 1 if line == "1" else 0
    suggestion = 'write CEL, for example target.tags.workload == "training"'
    for wrong, right in ((" and ", "&&"), (" or ", "||"), ("not ", "!")):
        if wrong in text:
            suggestion = f"write {right} instead of {wrong.strip()}"
    where = f" (line {line} of the condition)" if line != "1" else ""
    message = f"when: the condition does not compile{where}: {what}"
    problems.add(_within(draft, at), message, suggestion)


def _within(draft: Draft, character: int) -> Place:
    """Point into the condition where its text stands verbatim, else at its start."""
    entry = draft.table.entries.get("when")
    if entry and isinstance(entry.node, Scalar) and entry.node.text is not None:
        return entry.node.text.right(character)
    return locate(draft.table, ("when",))[1]
