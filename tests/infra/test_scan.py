"""What checkov finds is read as it is meant: all read, none failed, every skip explained."""

from __future__ import annotations

import pytest

from scripts.scan_templates import faults

CHECK = {
    "check_id": "CKV_AZURE_1",
    "check_name": "Ensure a thing",
    "resource": "A/b.c",
    "file_path": "/main.bicep",
    "file_line_range": [3, 9],
    "check_result": {},
}


def results(**more):
    """Write what a clean scan says, with these changes."""
    clean = {"parsing_errors": [], "failed_checks": [], "skipped_checks": []}
    return {"results": {**clean, "passed_checks": [CHECK], **more}}


def test_a_clean_scan_is_clean():
    """Else every run would fail."""
    assert faults(results()) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"parsing_errors": ["main.bicep"]}, "cannot read it"),
        ({"failed_checks": [CHECK]}, "main.bicep:3: CKV_AZURE_1"),
        ({"skipped_checks": [CHECK]}, "without a reason"),
        ({"passed_checks": []}, "nothing to check"),
    ],
)
def test_what_must_not_be_is_said(more, said):
    """Checkov itself ends well in all but one of these."""
    [one] = faults(results(**more))
    assert said in one


def test_a_skip_with_its_reason_passes():
    """A person weighed it and wrote down why."""
    why = {"check_result": {"suppress_comment": "the topic delivers nothing itself"}}
    assert faults(results(skipped_checks=[{**CHECK, **why}])) == []
