"""Check the shape of one merged rule by the models, and say what is wrong with it.

Imported for a rule that ``shared.rules.shape`` did not take at once: pydantic costs a
cold start more than all the rules that are right.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.documents import locate, plain
from shared.rules.drafts import Draft
from shared.rules.model import GUARD_LATER, RULE_LATER, GuardModel, RuleModel
from shared.rules.problems import Problems, instead
from shared.rules.settings import shown

KEYS = frozenset(field.alias or name for name, field in RuleModel.model_fields.items())
GUARD_KEYS = frozenset(GuardModel.model_fields)

WANTED = {
    "on": "write on: vm.preempt, or a list of signals",
    "when": 'write CEL, for example when: target.tags.workload == "training"',
    "remediate": "write remediate: drain_node, or a list with one entry",
    "with": "write settings and values, for example with: {margin: 5s}",
    "guard": "write for example guard: {cooldown: 30m}",
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
        case "value_error":
            wrong, _, suggestion = str(error["ctx"]["error"]).rpartition(": ")
            problems.add(place, f"{where}: {wrong}", suggestion)
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
    problems.add(place, f"unknown key {key!r} in {what}", instead(key, known, "key"))
