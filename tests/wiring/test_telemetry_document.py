"""What TELEMETRY.md promises of metrics is what the code sends."""

from pathlib import Path

from shared.core.tracing import METRICS

TEXT = (Path(__file__).parents[2] / "docs" / "TELEMETRY.md").read_text(encoding="utf-8")


def test_every_metric_is_documented_with_its_kind_unit_and_labels():
    """Alert rules are written against this table."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in TEXT.splitlines()
        if line.startswith("| `nightshift.")
    ]
    wanted = [
        [
            f"`{one.name}`",
            one.kind,
            one.unit,
            ", ".join(sorted(one.labels)) or "-",
            one.meaning,
        ]
        for one in METRICS.values()
    ]
    assert wanted == rows


def test_every_span_is_documented():
    """And no span is promised that nobody tells."""
    section = TEXT.partition("| span | about |")[2].partition("\n\n")[0]
    documented = {
        line.split("`")[1] for line in section.splitlines() if line.startswith("| `")
    }
    assert {"event", "decision", "plan", "step", "notice", "export"} == documented
