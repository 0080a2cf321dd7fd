"""Every example of every remediation is true; the catalogue shows nothing else."""

from __future__ import annotations

import pytest

from shared.core.decisions import Act
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import same_resource
from shared.remediations import discover

CASES = [
    pytest.param(one, example, id=f"{one.name}: {example.title}")
    for one in discover().values()
    for example in one.examples
]


@pytest.mark.parametrize(("remediation", "example"), CASES)
def test_an_example_is_what_the_remediation_decides(
    remediation: Remediation, example: Example
):
    """A person who reads the catalogue reads what will happen."""
    settings = example.settings or remediation.settings()
    decided = remediation.decide(example.signal, example.facts, settings, example.now)
    assert example.expect == decided


@pytest.mark.parametrize(("remediation", "example"), CASES)
def test_a_decision_uses_only_the_verbs_that_were_declared(
    remediation: Remediation, example: Example
):
    """The role table is made from the declaration: an undeclared verb lacks its role."""
    if isinstance(example.expect, Act):
        assert {step.verb for step in example.expect.steps} <= remediation.verbs
        assert all(step.target for step in example.expect.steps)


@pytest.mark.parametrize(("remediation", "example"), CASES)
def test_an_example_is_about_its_own_target(remediation: Remediation, example: Example):
    """The facts of another machine would prove nothing."""
    assert same_resource(example.signal.target, example.facts.resource.id)
    assert example.signal.type in remediation.answers


@pytest.mark.parametrize("remediation", discover().values(), ids=list(discover()))
def test_settings_all_have_defaults_and_titles_are_told_apart(remediation: Remediation):
    """A rule may leave everything out; two examples of one title would hide one."""
    remediation.settings()
    titles = [example.title for example in remediation.examples]
    assert len(titles) == len(set(titles))
