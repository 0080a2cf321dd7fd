"""docs/POSTURE.md says what the posture surveys find, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.posture import page
from shared.remediations import discover as remediations
from shared.surveys import discover

POSTURE = [one for one in discover().values() if one.points]
PAGE = Path(__file__).parents[2] / "docs" / "POSTURE.md"


def test_the_page_is_what_the_code_says():
    """``make catalogue`` was forgotten if this fails."""
    assert page() == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("survey", POSTURE, ids=lambda one: one.name)
def test_every_point_is_found_by_an_example_as_it_is_written(survey):
    """A finding that no example makes, or another severity than the page's, fails here."""
    points = {point.name: point for point in survey.points}
    seen = set()
    for example in survey.examples:
        for found in survey.look(example.seen, example.now):
            point = points[found.name]
            seen.add(found.name)
            assert (point.severity, point.guidance) == (found.severity, found.guidance)
            assert (point.fix, point.fixed_by) == (found.fix, found.fixed_by)
    assert set(points) == seen


@pytest.mark.parametrize("survey", POSTURE, ids=lambda one: one.name)
def test_every_point_says_what_to_do(survey):
    """By whom or by what; a remediation that is named exists."""
    for point in survey.points:
        assert point.fix
        assert point.fixed_by in {"", *remediations()}
