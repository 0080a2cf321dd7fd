"""A finding is written and read back; the exit code never calls unknown good."""

from __future__ import annotations

import pytest

from shared.core.findings import Finding, Verdict, exit_code, finding_from_json


def test_a_finding_read_back_is_the_same():
    """The command line shows what the app found, word for word."""
    found = Finding("roles", Verdict.FAILED, "2 are missing", "/s", "grant", ("a", "b"))
    assert found == finding_from_json(found.to_json())


def test_a_verdict_of_a_newer_app_is_unknown():
    """What this release cannot judge is not good."""
    newer = {"check": "x", "verdict": "superb", "said": "y"}
    assert Verdict.UNKNOWN is finding_from_json(newer).verdict


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 0),
        (["ok", "note", "off"], 0),
        (["ok", "unknown"], 2),
        (["ok", "failed"], 1),
        (["unknown", "failed"], 1),
    ],
)
def test_a_failure_is_1_and_not_knowing_2(verdicts: list[str], code: int):
    """A pipeline stops on both, and tells them apart."""
    assert code == exit_code(Finding("c", Verdict(one), "") for one in verdicts)
