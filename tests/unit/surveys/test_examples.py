"""Every example of every survey is true, and every survey can work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.surveys import Listing, Measure, Survey, SurveyExample, check
from shared.surveys import discover

CASES = [
    pytest.param(one, example, id=f"{one.name}: {example.title}")
    for one in discover().values()
    for example in one.examples
]


@pytest.mark.parametrize(("survey", "example"), CASES)
def test_an_example_is_what_the_survey_finds(survey: Survey, example: SurveyExample):
    """A person who reads the catalogue reads what will be found."""
    found = tuple(one.name for one in survey.look(example.seen, example.now))
    assert example.expect == found


@pytest.mark.parametrize("survey", discover().values(), ids=lambda one: one.name)
def test_a_finding_says_what_was_seen_and_where_it_is_written(survey: Survey):
    """A person must be able to check it, and to read how it should be."""
    for example in survey.examples:
        for finding in survey.look(example.seen, example.now):
            assert finding.evidence
            assert finding.target.startswith("/subscriptions/")
            assert finding.guidance.startswith("https://")


@pytest.mark.parametrize("survey", discover().values(), ids=lambda one: one.name)
def test_a_survey_only_reads(survey: Survey):
    """What it needs is granted to a deployment that only observes."""
    assert survey.actions
    assert all(action.endswith("/read") for action in survey.actions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"every": timedelta(minutes=7)}, "whole number of 5 minutes"),
        ({"examples": ()}, "an example that finds"),
        ({"reads": {"a": Listing(path="/x", of="b")}}, "not read yet"),
        ({"reads": {"a": Listing()}}, "a path or a graph query"),
        ({"measures": (Measure("nobody", "n", "m", "average"),)}, "not read"),
    ],
)
def test_a_survey_that_cannot_work_is_refused(change, words):
    """At the start and not at three in the morning."""
    with pytest.raises(ValueError, match=words):
        check(replace(discover()["unattached_disks"], **change))
