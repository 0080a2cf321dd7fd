"""Check the shape of one merged rule by the models, and say what is wrong with it.

Imported for a rule that ``shared.rules.shape`` did not take at once: pydantic costs a
cold start more than all the rules that are right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.core.freezes import Freeze
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.book import DEFAULT_LIMITS
from shared.rules.demand_models import (
    ApprovalModel,
    BreakerModel,
    BudgetModel,
    CanaryModel,
    Demand,
    LimitModel,
    MoneyModel,
    StrikesModel,
    TestModel,
)
from shared.rules.documents import locate, plain
from shared.rules.drafts import Draft
from shared.rules.freezes import FreezeModel
from shared.rules.model import GuardModel, RuleModel
from shared.rules.problems import Place, Problems, instead
from shared.rules.settings import shown
from shared.rules.shape import GuardShape, RuleShape

_PARTS: Mapping[tuple[str, ...], tuple[type[BaseModel], str]] = {
    (): (RuleModel, "a rule"),
    ("guard",): (GuardModel, "guard"),
    ("guard", "freeze"): (FreezeModel, "a freeze"),
    ("guard", "limits"): (LimitModel, "a limit"),
    ("guard", "canary"): (CanaryModel, "canary"),
    ("guard", "breaker"): (BreakerModel, "breaker"),
    ("guard", "budget"): (BudgetModel, "budget"),
    ("guard", "budget", "money"): (MoneyModel, "money"),
    ("strikes",): (StrikesModel, "strikes"),
    ("approval",): (ApprovalModel, "approval"),
    ("tests",): (TestModel, "a test"),
}
"""What an unknown key stands in, by the keys that lead there."""

WANTED = {
    "on": "write on: vm.preempt, or a list of signals",
    "when": 'write CEL, for example when: target.tags.workload == "training"',
    "remediate": "write remediate: drain_node, or a list with one entry",
    "with": "write settings and values, for example with: {margin: 5s}",
    "guard": "write for example guard: {cooldown: 30m}",
    "guard.freeze": "write a list: - {name: nights, from: 22:00, to: 06:00, zone: UTC}",
    "guard.limits": "write a list: - {scope: pool, percent: 10, min: 1}",
    "guard.canary": "write for example canary: {first: 1, soak: 10m}",
    "guard.breaker": "write for example breaker: {scope: pool, count: 5, within: 10m}",
    "guard.budget": "write for example budget: {retries: 3, within: 7d}",
    "guard.budget.money": "write for example money: {limit: 500, each: 12.5}",
    "strikes": "write for example strikes: {count: 3, within: 1h}",
    "approval": "write approval: required, or a mapping: {kind: four_eyes, expires: 2h}",
    "tests": "write a list: - {event: fixtures/preempt.json, expect: act}",
}

Path = tuple[str | int, ...]


def modelled(draft: Draft, problems: Problems) -> RuleShape:
    """Validate a rule's shape by its model.

    Keys whose values are wrong are reported and then left out, so that the rest of the
    rule can still be checked and one run names everything.
    """
    entries = draft.table.entries
    content: dict[str, Any] = {key: plain(entry.node) for key, entry in entries.items()}
    try:
        return _shape(RuleModel.model_validate(content), draft)
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    for error in errors:
        _report(error, draft, problems)
    wrong = {error["loc"][0] for error in errors}
    rest = {key: value for key, value in content.items() if key not in wrong}
    return _shape(RuleModel.model_validate({"name": "unnamed", **rest}), draft)


def _shape(model: RuleModel, draft: Draft) -> RuleShape:
    freezes = tuple(
        one.freeze(_where(locate(draft.table, ("guard", "freeze", index))[1]))
        for index, one in enumerate(model.guard.freeze)
    )
    return shape_of(model, freezes)


def shape_of(model: RuleModel, freezes: tuple[Freeze, ...] = ()) -> RuleShape:
    """Write what a model says as the plain reader would."""
    return RuleShape(
        name=model.name,
        description=model.description,
        notes=model.notes,
        priority=model.priority,
        match=model.match,
        on=model.on or None,
        when=model.when,
        strikes=_built(model.strikes),
        remediate=model.remediate if "remediate" in model.model_fields_set else None,
        settings=model.with_,
        mode=model.mode,
        guard=_guard(model.guard, freezes),
        approval=model.approval.built,
        notify=model.notify,
        tests=tuple(one.built for one in model.tests),
    )


def _guard(model: GuardModel, freezes: tuple[Freeze, ...]) -> GuardShape:
    limits = model.limits
    return GuardShape(
        cooldown=model.cooldown,
        max_age=model.max_age,
        freezes=freezes,
        limits=DEFAULT_LIMITS if limits is None else tuple(one.built for one in limits),
        canary=_built(model.canary),
        breaker=_built(model.breaker),
        budget=_built(model.budget),
    )


def _built(model: Demand | None) -> Any:
    return None if model is None else model.built


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
            suggestion = WANTED.get(_words_of(path), wanted)
            problems.add(place, f"{where} does not fit: it is {given}", suggestion)


def _words_of(path: Path) -> str:
    return ".".join(part for part in path if isinstance(part, str))


def _unknown_key(path: Path, draft: Draft, problems: Problems) -> None:
    key, place = str(path[-1]), locate(draft.table, path)[0]
    within = tuple(part for part in path[:-1] if isinstance(part, str))
    model, what = _PARTS[within]
    if draft.what == "freeze":
        model, what = FreezeModel, "a freeze"
    fields = model.model_fields.items()
    known = [field.alias or name for name, field in fields]
    problems.add(place, f"unknown key {key!r} in {what}", instead(key, known, "key"))
