"""Write docs/POSTURE.md from the points of the posture surveys.

Run it with ``python -m cli.posture > docs/POSTURE.md``.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.core.surveys import Point, Survey
from shared.surveys import discover

HEAD = """\
# Posture

What the posture surveys look at, how bad it is, where it is written how it should be, and
what somebody does about it. Written by `make catalogue`; do not edit. Each finding is a signal
`posture.found`, which rules may answer by `signal.finding` and `signal.severity`; examples are
in the [catalogue](CATALOGUE.md#surveys). A survey reads and changes nothing. What it could not
read is named in the report, and nothing is concluded from it.

```sh
nightshift report --url "$FUNCTIONS" --key "$KEY"                # worst first
nightshift report machine_monitoring --url "$FUNCTIONS" --key "$KEY" --json
```

A resource with the tag `MonitorDisable` of Azure Monitor Baseline Alerts is left out where the
finding is about monitoring.
"""


def page() -> str:
    """Write the whole page."""
    posture = [one for one in discover().values() if one.points]
    return "\n".join([HEAD, *(line for one in posture for line in _section(one))])


def _section(survey: Survey) -> Iterator[str]:
    yield f"## {survey.name}"
    yield ""
    yield survey.summary
    yield ""
    yield "| finding | severity | what is the matter | what to do | guidance |"
    yield "|---|---|---|---|---|"
    for point in survey.points:
        yield _row(point)
    yield ""
    yield from _evidence(survey)


def _row(point: Point) -> str:
    by = f" Remediation `{point.fixed_by}`." if point.fixed_by else ""
    cells = (
        f"`{point.name}`",
        point.severity.value,
        point.matter,
        f"{point.fix}{by}",
        f"[page]({point.guidance})",
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _evidence(survey: Survey) -> Iterator[str]:
    """Give one line of evidence for each finding, as an example's survey said it."""
    said = {
        found.name: found.evidence
        for example in survey.examples
        for found in survey.look(example.seen, example.now)
    }
    yield "Evidence, as it is written in the report:"
    yield ""
    for point in survey.points:
        yield f"* `{point.name}`: {said[point.name]}"
    yield ""


if __name__ == "__main__":
    print(page(), end="")
