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
from shared.core.steps import Verb
from shared.core.terms import ApprovalKind, Channel, LimitScope
from shared.rules import demand_models, demands, forms
from shared.rules.misshapen import shape_of
from shared.rules.model import GuardModel, RuleModel
from shared.rules.shape import GUARD_KEYS, READ, read_plain

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
DURATIONS = st.sampled_from(
    ["20s", "10m", "1h", "1h30m", "2d", "0s", "30d", "3650d", "3651d", "1 h", "s"]
)
WORDS = st.text(max_size=10)


NUMBERS = st.sampled_from([1, 2, 3, 5, 7, 10, 30, 100, 0, 1000, 1001, -1, 2.5, 1.0, True])
SCOPES = st.sampled_from([str(scope) for scope in LimitScope])


def some(
    needed: str = "", **keys: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Give some of these keys; at times without one of those that must be there."""
    must = {key: keys[key] for key in needed.split()}
    may = {key: strategy for key, strategy in keys.items() if key not in must}
    whole = st.fixed_dictionaries(must, optional=may)
    bare = st.fixed_dictionaries(must)
    return bare | whole | st.fixed_dictionaries({}, optional=keys)


LIMIT = some(
    "scope count",
    scope=SCOPES,
    count=NUMBERS,
    percent=NUMBERS,
    min=NUMBERS,
    max=NUMBERS,
    within=DURATIONS,
)
CANARY = some("soak", first=NUMBERS, soak=DURATIONS, every=DURATIONS)
BREAKER = some(
    scope=SCOPES,
    count=st.none() | NUMBERS,
    percent=st.none() | NUMBERS,
    within=DURATIONS,
    small_pool=NUMBERS,
    wait=DURATIONS,
    young=DURATIONS,
)
MONEY = some("limit each", limit=NUMBERS, each=NUMBERS, within=DURATIONS)
BUDGET = some("retries", retries=NUMBERS, within=DURATIONS, money=MONEY)
STRIKES = some("count within", count=NUMBERS, within=DURATIONS)
KINDS = st.sampled_from([str(kind) for kind in ApprovalKind])
APPROVAL = KINDS | some(
    kind=KINDS,
    when=WORDS | st.booleans(),
    expires=DURATIONS,
    if_expired=st.sampled_from([demands.NOTHING, *(verb.value for verb in Verb)]),
)
CHANNELS = st.sampled_from([str(channel) for channel in Channel])
TEST = some(
    "event expect",
    name=WORDS,
    event=WORDS | st.dictionaries(WORDS, ODD, max_size=2),
    facts=WORDS | st.dictionaries(WORDS, ODD, max_size=2),
    expect=st.sampled_from([*demands.OUTCOMES, "fail"]),
    reason=st.sampled_from(["busy", "no_data", "lazy"]),
    steps=st.lists(WORDS, max_size=2),
    at=st.sampled_from(["2030-01-01T03:00:00Z", "2030-01-01", "noon", ""]),
)
GUARD = some(
    cooldown=DURATIONS,
    max_age=DURATIONS,
    limits=st.lists(LIMIT, max_size=2),
    canary=CANARY,
    breaker=BREAKER,
    budget=BUDGET,
)
GOOD = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "description": WORDS,
        "notes": WORDS,
        "priority": NUMBERS,
        "match": st.sampled_from(["first", "all", "any"]),
        "on": st.one_of(SIGNALS, st.lists(SIGNALS, max_size=3)),
        "when": st.one_of(WORDS, st.booleans()),
        "strikes": STRIKES,
        "remediate": WORDS,
        "with": st.dictionaries(WORDS, ODD, max_size=3),
        "mode": st.sampled_from([str(mode) for mode in Mode]),
        "guard": GUARD,
        "approval": APPROVAL,
        "notify": CHANNELS | st.lists(CHANNELS, max_size=3),
        "tests": st.lists(TEST, max_size=2),
    },
)
KEYS = st.sampled_from([*sorted(READ), "mdoe", "with_", "use", "overrides"])
PARTS: dict[str, forms.Form] = {
    "canary": forms.CANARY,
    "breaker": forms.BREAKER,
    "budget": forms.BUDGET,
}
BAD = st.one_of(
    st.dictionaries(KEYS, ODD, max_size=1),
    st.fixed_dictionaries(
        {"guard": st.dictionaries(st.sampled_from(sorted(GUARD_KEYS)), ODD, max_size=1)}
    ),
    *(
        st.fixed_dictionaries(
            {
                "guard": st.fixed_dictionaries(
                    {part: st.dictionaries(st.sampled_from(keys), ODD)}
                )
            }
        )
        for part, keys in ((name, sorted(form.keys)) for name, form in PARTS.items())
    ),
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
    assert found == shape_of(RuleModel.model_validate(content))


@given(RULES)
def test_what_the_models_refuse_is_never_read_plainly(content: dict[str, Any]) -> None:
    """A rule that is refused must say why, and only the models can."""
    try:
        RuleModel.model_validate(content)
    except ValidationError:
        assert read_plain(content) is None


PART = st.sampled_from(
    [
        ("strikes", STRIKES),
        ("approval", APPROVAL),
        ("notify", CHANNELS | st.lists(CHANNELS, max_size=3)),
        ("tests", st.lists(TEST, max_size=2)),
        *(
            (f"guard.{key}", strategy)
            for key, strategy in (
                ("limits", st.lists(LIMIT, min_size=1, max_size=2)),
                ("canary", CANARY),
                ("breaker", BREAKER),
                ("budget", BUDGET),
            )
        ),
    ]
)


@given(PART.flatmap(lambda part: st.tuples(st.just(part[0]), part[1])))
def test_each_part_alone_is_read_alike(part: tuple[str, Any]) -> None:
    """Whole rules are seldom right in every part; one part alone often is."""
    key, value = part
    outer, _, inner = key.partition(".")
    content = {"name": "a", outer: {inner: value} if inner else value}
    found = read_plain(content)
    try:
        model = RuleModel.model_validate(content)
    except ValidationError:
        event(f"{key} refused")
        assert found is None
        return
    event(f"{key} {'plain' if found else 'left to the models'}")
    if found is not None:
        assert found == shape_of(model)


def test_both_know_the_same_keys() -> None:
    """A key added to the models alone would make its rules slow, one added here wrong."""
    fields = RuleModel.model_fields.items()
    # Blocks and overrides are laid in place before a rule's shape is looked at.
    assert {field.alias or name for name, field in fields} - {"use", "overrides"} == set(READ)
    # Windows are for the models: few rules have them.
    assert set(GuardModel.model_fields) - {"freeze"} == GUARD_KEYS


MODELS = [
    one
    for one in vars(demand_models).values()
    if isinstance(one, type)
    and issubclass(one, demand_models.Demand)
    and one is not demand_models.Demand
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_part_has_the_keys_of_its_form(model: type[demand_models.Demand]) -> None:
    """The model describes them, the form reads them."""
    fields = model.model_fields.items()
    assert {field.alias or name for name, field in fields} == set(model.FORM.keys)


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
    assert done.stdout.strip().endswith(" False")
