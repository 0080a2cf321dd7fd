"""The words of the house: stable, each with one meaning, none without a use."""

from __future__ import annotations

import ast
import re
from enum import StrEnum
from pathlib import Path

import pytest

import shared
from shared.core import errors
from shared.core.decisions import Reason
from shared.core.errors import AutomationError
from shared.core.facts import FactsKind
from shared.core.guardrails import GUARDRAILS, INVOLUNTARY
from shared.core.plans import Mode, PlanOutcome, StepOutcome
from shared.core.signals import Phase, SignalType
from shared.core.steps import UNDO, Verb
from shared.ports import Evicted, OperationState

ROOT = Path(__file__).parents[2]
DEPLOYED = sorted([*ROOT.glob("shared/**/*.py"), *ROOT.glob("handlers/*.py")])
WORDS: list[type[StrEnum]] = [
    Reason,
    Verb,
    Mode,
    Phase,
    StepOutcome,
    PlanOutcome,
    FactsKind,
    OperationState,
    Evicted,
]
BANNED = {"utils", "util", "helpers", "helper", "manager", "service", "common", "data", "info"}
RESERVED = {Reason.ALREADY_DRAINED, Reason.CANCELED_BY_PERSON}
"""Explained to people and not said yet; strike one out when it is."""


def code(*without: str) -> str:
    """Read all deployed code but some modules."""
    return "\n".join(p.read_text() for p in DEPLOYED if p.name not in without)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.__name__)
def test_a_word_is_snake_case_and_its_name_is_its_value(words: type[StrEnum]):
    """It is a label in the ledger, in the log and in metrics at once."""
    for word in words:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", word.value), word
        assert word.name.lower() == word.value


def test_a_signal_is_a_subject_and_what_happened_to_it():
    """Rules name signals in YAML: the name and the value read alike."""
    for signal in SignalType:
        assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", signal.value), signal
        # a runbook is one request; its member is called by what people call it
        if signal is not SignalType.RUNBOOK:
            assert signal.name.lower() == signal.value.replace(".", "_")


def test_every_reason_is_said_somewhere():
    """A reason nobody gives is a word in the documentation that means nothing."""
    said = code("decisions.py")
    silent = {reason for reason in Reason if f"Reason.{reason.name}" not in said}
    assert RESERVED == silent


def test_every_verb_can_be_taken_back_by_a_verb_that_is_no_loop():
    """Undoing an undo would swing for ever."""
    assert set() == set(UNDO) & set(UNDO.values())


def test_every_verb_is_explained_where_it_is_defined():
    """The closed set of effects is read in one place."""
    assert Verb.__doc__ is not None
    for verb in Verb:
        assert verb.name in Verb.__doc__, verb


def test_the_guardrails_for_evictions_are_some_of_all():
    """One that is only marked would never be asked."""
    assert set(GUARDRAILS) > INVOLUNTARY
    names = [guardrail.__name__ for guardrail in GUARDRAILS]
    assert len(names) == len(set(names))


def test_every_error_is_drawn_in_the_tree_at_the_top():
    """What the engine does about an error follows from where it stands there."""
    drawn = errors.__doc__ or ""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, AutomationError)
    ]
    assert [] == [kind.__name__ for kind in kinds if kind.__name__ not in drawn]


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_named_for_what_it_decides_and_says_it(path: Path):
    """A module called by a word for anything holds anything; a silent one tells nobody."""
    assert path.stem not in BANNED
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_code_under_test_is_this_one():
    """Another `shared` on the path would make every other test mean nothing."""
    assert shared.__file__ is not None
    assert ROOT / "shared" / "__init__.py" == Path(shared.__file__)


def test_the_engine_catches_everything_where_a_step_and_where_an_event_comes_in_only():
    """One more catch-all would hide what these two record."""
    folders = ("shared/core/", "shared/engine/", "shared/remediations/", "shared/parsing/")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in DEPLOYED
        if re.search(r"except Exception\b", path.read_text())
    ]
    # The archive's copy runs beside the event: no copy is worth one. A look at the app is
    # many checks: a defect in one is that one's finding.
    names = ("archive", "carry_out", "checkup/__init__", "events")
    outermost = [f"shared/engine/{name}.py" for name in names]
    assert outermost == sorted(n for n in found if n.startswith(folders))
