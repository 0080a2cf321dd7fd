"""What the surveys of leftovers share: one list, one judgement, one way to say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import FactsKind
from shared.core.leftovers import MARK_TAG, keep_if_left_over, told
from shared.core.signals import SignalType
from shared.core.surveys import Finding, Listing, Seen, Severity, Survey, SurveyExample

USED_AGAIN = "used_again"
_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"


def leftover_survey(
    *,
    name: str,
    summary: str,
    finding: str,
    kind: str,
    api_version: str,
    guidance: str,
    left: Mapping[str, Any],
    used: Mapping[str, Any],
) -> Survey:
    """Make the survey of one kind of resource.

    Args:
        kind: As in its id: ``Microsoft.Compute/disks``.
        left: What a document of one that nobody has says beside its id.
        used: What one says that somebody has.
    """

    def look(seen: Seen, now: datetime) -> Iterable[Finding]:
        for facts in seen.items["found"]:
            yield Finding(
                target=facts.id,
                name=finding if facts.left_over else USED_AGAIN,
                severity=Severity.WARNING,
                evidence=told(facts, now),
                guidance=guidance,
                fixed_by="remove_leftover",
                facts=facts,
            )

    marked = {**used, "tags": {**used.get("tags", {}), MARK_TAG: "2030-02-01"}}
    return Survey(
        name=name,
        summary=summary,
        says=SignalType.RESOURCE_LEFT_OVER,
        every=timedelta(hours=6),
        reads={
            "found": Listing(
                path=f"/subscriptions/{{subscription}}/providers/{kind}",
                api_version=api_version,
                keep=keep_if_left_over,
            )
        },
        actions=(f"{kind}/read",),
        look=look,
        facts=FactsKind.LEFTOVER,
        examples=(
            SurveyExample("nobody has it", _seen(kind, left), _NOW, (finding,)),
            SurveyExample("somebody has it", _seen(kind, used), _NOW, ()),
            SurveyExample("marked, and used again", _seen(kind, marked), _NOW, (USED_AGAIN,)),
        ),
    )


def _seen(kind: str, said: Mapping[str, Any]) -> Seen:
    group = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab"
    found = keep_if_left_over({"id": f"{group}/providers/{kind}/x", "location": "eu", **said})
    return Seen(_SUBSCRIPTION, {"found": [] if found is None else [found]})
