"""Check the shape of one merged rule by the models, and say what is wrong with it.

Imported for a rule that ``shared.rules.shape`` did not take at once: pydantic costs a
cold start more than all the rules that are right.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.core.freezes import Freeze
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.documents import locate, plain
from shared.rules.drafts import Draft
from shared.rules.freezes import FreezeModel
from shared.rules.model import GUARD_LATER, RULE_LATER, GuardModel, RuleModel
from shared.rules.problems import Place, Problems, instead
from shared.rules.settings import shown

KEYS = frozenset(field.alias or name for name, field in RuleModel.model_fields.items())
GUARD_KEYS = frozenset(GuardModel.model_fields)
FREEZE_KEYS = frozenset(
    field.alias or name for name, field in FreezeModel.model_fields.items()
)

WANTED = {
    "on": "write on: vm.preempt, or a list of signals",
    "when": 'write CEL, for example when: target.tags.workload == "training"',
    "remediate": "write remediate: drain_node, or a list with one entry",
    "with": "write settings and values, for example with: {margin: 5s}",
    "guard": "write for example guard: {cooldown: 30m}",
    "guard.freeze": "write a list: - {name: nights, from: 22:00, to: 06:00, zone: UTC}",
}

Path = tuple[str | int, ...]


def modelled(draft: Draft, problems: Problems) -> RuleModel:
    """Validate a rule's shape by its model.

    Keys whose values are wrong are reported and then left out, so that the rest of the
    rule can still be checked and one run names everything.
    """
    entries = draft.table.entries
    content: dict[str, Any] = {key: plain(entry.node) for key, entry in entries.items()}
    try:
        return RuleModel.model_validate(content)
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    for error in errors:
        _report(error, draft, problems)
    wrong = {error["loc"][0] for error in errors}
    rest = {key: value for key, value in content.items() if key not in wrong}
    return RuleModel.model_validate({"name": "unnamed", **rest})


def freezes_within(draft: Draft, model: RuleModel) -> tuple[Freeze, ...]:
    """Return a rule's own windows, each with the line it stands on."""
    return tuple(
        one.freeze(_where(locate(draft.table, ("guard", "freeze", index))[1]))
        for index, one in enumerate(model.guard.freeze)
    )


def modelled_freeze(draft: Draft, problems: Problems) -> Freeze | None:
    """Check a window that holds for every rule; None if it is refused."""
    content = plain(draft.table)
    try:
        return FreezeModel.model_validate(content).freeze(_where(draft.place))
    except ValidationError as refused:
        for error in refused.errors(include_url=False):
            _report(error, draft, problems)
        return None


def _where(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _report(error: ErrorDetails, draft: Draft, problems: Problems) -> None:
    """Say one of pydantic's findings in the words of the rule language."""
    path: Path = error["loc"]
    where = ".".join(str(part) for part in path)
    given = shown(error["input"])
    place = locate(draft.table, path)[1]
    match error["type"]:
        case "extra_forbidden":
            _unknown_key(path, draft, problems)
        case "enum":
            words = [str(kind) for kind in (SignalType if path[0] == "on" else Mode)]
            what = "signal" if path[0] == "on" else "mode"
            suggestion = instead(str(error["input"]), words, what)
            problems.add(place, f"unknown {what} {given}", suggestion)
        case "string_pattern_mismatch":
            suggestion = "write lower-case words with hyphens, as in drain-spot-nodes"
            problems.add(place, f"the {where} {given} does not fit", suggestion)
        case "missing":
            problems.add(place, f"{where} is missing", f"write {path[-1]}: and its value")
        case "value_error":
            wrong, _, suggestion = str(error["ctx"]["error"]).rpartition(": ")
            problems.add(place, f"{where}: {wrong}" if where else wrong, suggestion)
        case _:
            wanted = error["msg"].replace("Input should be", "write").lower()
            suggestion = WANTED.get(where, wanted)
            problems.add(place, f"{where} does not fit: it is {given}", suggestion)


def _unknown_key(path: Path, draft: Draft, problems: Problems) -> None:
    key, place = str(path[-1]), locate(draft.table, path)[0]
    is_guard = path[0] == "guard" and len(path) > 1
    if key in (GUARD_LATER if is_guard else RULE_LATER):
        problems.add(place, f"not in this version: {key}", f"leave {key} out")
        return
    known, what = (GUARD_KEYS, "guard") if is_guard else (KEYS, "a rule")
    if path[:2] == ("guard", "freeze") or draft.what == "freeze":
        known, what = FREEZE_KEYS, "a freeze"
    problems.add(place, f"unknown key {key!r} in {what}", instead(key, known, "key"))
