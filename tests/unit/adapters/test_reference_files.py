"""Lists that are deployed with the app: read once, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.reference_files import ReferenceFiles
from shared.core.errors import Misconfigured
from shared.surveys.baseline_alerts import TYPES, keep_type


def test_the_baseline_that_is_deployed_can_be_read_whole() -> None:
    """Every type of it is one that the survey reads, and each asks for something."""
    rows = [keep_type(row) for row in ReferenceFiles().rows("baseline-alerts")]
    assert set(TYPES.values()) | {"Microsoft.Resources/subscriptions"} == {r.id for r in rows}
    assert all(row.more["metrics"] or row.more["categories"] for row in rows)


@pytest.mark.parametrize("text", ["", "[]", '{"types": {}}', '{"types": ["vm"]}', "{"])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    """A baseline that asks for nothing would find nothing wrong."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(Misconfigured, match=r"x\.json"):
        ReferenceFiles(tmp_path).rows("x")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(Misconfigured, match=r"y\.json"):
        ReferenceFiles(tmp_path).rows("y")


def test_a_type_that_no_survey_reads_is_refused() -> None:
    """Whoever adds a type learns that nothing would look at it."""
    with pytest.raises(ValueError, match="no survey reads"):
        keep_type({"id": "Microsoft.Web/sites", "metrics": {"Http5xx": "x"}})
