"""The plain reader of rules and the models: one language, read in two ways."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.model import GuardModel, RuleModel
from shared.rules.shape import _GUARD_KEYS, _KEYS, RuleShape, read_plain

ROOT = Path(__file__).resolve().parents[2]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["\ud800", "a\n", "auto ", "VM.PREEMPT", "x" * 65, "x" * 2001]),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
NAMES = st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,3}", fullmatch=True)
SIGNALS = st.sampled_from([str(kind) for kind in SignalType])
DURATIONS = st.sampled_from(["0s", "20s", "1h30m", "3650d", "3651d", "1 h", "s"])
WORDS = st.text(max_size=10)


GOOD = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "description": WORDS,
        "notes": WORDS,
        "on": st.one_of(SIGNALS, st.lists(SIGNALS, max_size=3)),
        "when": st.one_of(WORDS, st.booleans()),
        "remediate": WORDS,
        "with": st.dictionaries(WORDS, ODD, max_size=3),
        "mode": st.sampled_from([str(mode) for mode in Mode]),
        "guard": st.fixed_dictionaries({}, optional={"cooldown": DURATIONS}),
    },
)
KEYS = st.sampled_from([*sorted(_KEYS), "mdoe", "with_"])
BAD = st.one_of(
    st.dictionaries(KEYS, ODD, max_size=1),
    st.fixed_dictionaries({"guard": st.dictionaries(st.just("cooldown"), ODD)}),
    st.fixed_dictionaries({"on": st.lists(st.one_of(SIGNALS, ODD), max_size=2)}),
)
RULES = st.one_of(GOOD, st.tuples(GOOD, BAD).map(lambda two: two[0] | two[1]))


@given(RULES)
def test_what_is_read_plainly_is_what_the_models_read(content: dict[str, Any]) -> None:
    """The short way in must not be a way around the check."""
    found = read_plain(content)
    event("plain" if found else "left to the models")
    if found is None:
        return
    model = RuleModel.model_validate(content)
    assert found == RuleShape(
        name=model.name,
        description=model.description,
        notes=model.notes,
        on=model.on,
        when=model.when,
        remediate=model.remediate,
        settings=model.with_,
        mode=model.mode,
        cooldown=model.guard.cooldown,
    )


@given(RULES)
def test_what_the_models_refuse_is_never_read_plainly(content: dict[str, Any]) -> None:
    """A rule that is refused must say why, and only the models can."""
    try:
        RuleModel.model_validate(content)
    except ValidationError:
        assert read_plain(content) is None


def test_both_know_the_same_keys() -> None:
    """A key added to the models alone would make its rules slow, one added here wrong."""
    fields = RuleModel.model_fields.items()
    assert {field.alias or name for name, field in fields} == _KEYS
    # Windows and ages are for the models: few rules have them.
    assert set(GuardModel.model_fields) - {"freeze", "max_age"} == _GUARD_KEYS


@pytest.mark.parametrize("folder", ["rules", "sandbox/rules"])
def test_the_rules_of_the_package_need_no_models(folder: str) -> None:
    """Pydantic would be a tenth of the time from a cold start to the first effect."""
    code = (
        "import sys;from shared.adapters.rule_files import read_layers;"
        "from shared.remediations import discover;from shared.rules.loading import load_rules;"
        f"book = load_rules(read_layers(['rules', {folder!r}]), discover());"
        "print(len(book.rules), 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "5 False" == done.stdout.strip()
