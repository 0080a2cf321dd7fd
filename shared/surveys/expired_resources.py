"""Resources whose owner's own date has passed: the tag ``expires-on``.

One list of everything that carries the tag. What Nightshift can remove is removed by a
rule, marked and told first; of the rest a person is told.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
Source: https://learn.microsoft.com/rest/api/resources/resources/list ($filter by tagName)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.leftovers import EXPIRY_TAG, KINDS, expiry, tag
from shared.core.resource_ids import ResourceId
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

GUIDANCE = (
    "https://learn.microsoft.com/azure/cloud-adoption-framework/ready/"
    "azure-best-practices/resource-tagging"
)


def keep(document: Mapping[str, Any]) -> Kept | None:
    """Keep what carries the tag."""
    found = kept(document)
    return found if tag(found.tags, EXPIRY_TAG) else None


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name what is past its date, and dates that nobody can read."""
    for one in seen.items["tagged"]:
        until, said = expiry(one.tags), tag(one.tags, EXPIRY_TAG)
        if until is not None and until > now:
            continue
        removable = ResourceId.parse(one.id).type in KINDS
        yield Finding(
            target=one.id,
            name="expired" if until is not None else "expiry_unreadable",
            severity=Severity.INFORMATIONAL,
            evidence=f"its tag {EXPIRY_TAG} is {said!r}"
            + ("" if until is not None else ", which is no date"),
            guidance=GUIDANCE,
            fixed_by="remove_leftover" if removable and until is not None else "",
        )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"


def _seen(value: str) -> Seen:
    group = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers"
    document = {"id": f"{group}/Microsoft.Compute/disks/x", "tags": {"Expires-On": value}}
    return Seen(_SUBSCRIPTION, {"tagged": [keep(document)]})


SURVEY = Survey(
    name="expired_resources",
    summary="Resources that are past the date of their tag expires-on.",
    says=SignalType.RESOURCE_EXPIRED,
    every=timedelta(hours=6),
    reads={
        "tagged": Listing(
            path="/subscriptions/{subscription}/resources",
            api_version="2021-04-01",
            query={"$filter": f"tagName eq '{EXPIRY_TAG}'"},
            keep=keep,
        )
    },
    actions=("Microsoft.Resources/subscriptions/resources/read",),
    look=look,
    examples=(
        SurveyExample("nine days past its date", _seen("2030-01-01"), _NOW, ("expired",)),
        SurveyExample("wanted until spring", _seen("2030-04-01"), _NOW, ()),
        SurveyExample("no date at all", _seen("soon"), _NOW, ("expiry_unreadable",)),
    ),
)
