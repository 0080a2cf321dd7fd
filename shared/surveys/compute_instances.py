"""Azure ML compute instances: left running, left stopped, out of date, broken, full.

An instance is not updated after it is made, and new images come monthly: an old one is
recreated, not patched. Its disk must have 1 to 2 GB free before it is stopped.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance,
https://learn.microsoft.com/azure/machine-learning/concept-vulnerability-management
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_documents import is_instance, resource_of
from shared.core.ml_instances import BROKEN, STOPPED, instance_of
from shared.core.ml_listings import computes_of_workspaces
from shared.core.ml_marks import read_mark
from shared.core.ml_measures import DISK_FREE
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

_DOCS = "https://learn.microsoft.com/azure/machine-learning"
MANAGE = f"{_DOCS}/how-to-manage-compute-instance"
CREATE = f"{_DOCS}/how-to-create-compute-instance"
PATCHES = f"{_DOCS}/concept-vulnerability-management"
ROOM_MB = 2048.0
LONG_IDLE = timedelta(hours=4)
DAY = timedelta(days=1)


def keep(document: Mapping[str, Any]) -> Kept | None:
    """Keep compute instances, and of each what it is set to."""
    if not is_instance(document):
        return None
    return kept(
        document,
        resource=resource_of(document, str(document.get("id"))),
        instance=instance_of(document),
    )


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name what is the matter with each instance; one may be found for several things."""
    for item in seen.items["computes"]:
        facts = MlInstanceFacts(item.more["resource"], item.more["instance"])
        free = seen.measured(DISK_FREE.metric, item.id)
        yield from _settings(facts)
        yield from _image(facts)
        yield from _state(facts, now)
        if free and min(free) < ROOM_MB:
            words = f"{min(free):.0f} MB free: free 1 to 2 GB before it is stopped"
            yield _found(facts, "disk_nearly_full", Severity.ERROR, words, free_mb=min(free))


def _found(
    facts: MlInstanceFacts,
    name: str,
    severity: Severity,
    evidence: str,
    *,
    guidance: str = MANAGE,
    fixed_by: str = "",
    **more: Any,
) -> Finding:
    owner = facts.instance.owner
    return Finding(
        target=facts.resource.id,
        name=name,
        severity=severity,
        evidence=evidence,
        guidance=guidance,
        fixed_by=fixed_by,
        attributes={"owner": owner, "state": facts.instance.state, **more},
        facts=facts,
    )


def _settings(facts: MlInstanceFacts) -> Iterator[Finding]:
    idle = facts.instance.idle_shutdown
    fix = {"guidance": CREATE, "fixed_by": "set_idle_shutdown"}
    if idle is None:
        words = "Azure never stops it, however long nobody uses it"
        yield _found(facts, "no_idle_shutdown", Severity.WARNING, words, **fix)
    elif idle > LONG_IDLE:
        minutes = idle / timedelta(minutes=1)
        words = f"Azure stops it only after {minutes:.0f} minutes without use"
        yield _found(facts, "long_idle_shutdown", Severity.INFORMATIONAL, words, **fix)
    if not facts.instance.stops_by_the_clock:
        yield _found(
            facts,
            "no_stop_time",
            Severity.INFORMATIONAL,
            "no schedule stops it",
            guidance=CREATE,
            fixed_by="set_instance_schedules",
        )


def _image(facts: MlInstanceFacts) -> Iterator[Finding]:
    one = facts.instance
    if one.is_latest_image is False:
        words = (
            f"its image is {one.image or 'of no known version'}, the latest is "
            f"{one.latest_image or 'another'}: it is recreated, not updated"
        )
        more = {"image": one.image, "latest_image": one.latest_image}
        yield _found(
            facts, "outdated_image", Severity.WARNING, words, guidance=PATCHES, **more
        )


def _state(facts: MlInstanceFacts, now: datetime) -> Iterator[Finding]:
    one = facts.instance
    if one.state in BROKEN:
        errors = ", ".join(one.errors)
        words = f"its state is {one.state}" + (f": {errors}" if errors else "")
        fix = "restart_instance" if one.state == "unusable" else ""
        yield _found(facts, "broken", Severity.ERROR, words, fixed_by=fix)
    if one.last_operation_status.casefold().endswith("failed"):
        words = f"its last operation: {one.last_operation} {one.last_operation_status}"
        fix = "start_instance" if one.last_operation == "start" else ""
        yield _found(
            facts,
            "failed_operation",
            Severity.WARNING,
            words,
            fixed_by=fix,
            operation=one.last_operation,
        )
    if one.state == STOPPED:
        yield _stopped(facts, now)


def _stopped(facts: MlInstanceFacts, now: datetime) -> Finding:
    """Tell for how long, and whether it bears a mark that holds for this stop."""
    since, mark = facts.instance.stopped_since, read_mark(facts.resource.tags)
    if since is not None and mark is not None and mark.stopped_at == since:
        return _found(
            facts,
            "marked",
            Severity.INFORMATIONAL,
            f"to be deleted from {mark.due:%Y-%m-%d} on",
            fixed_by="delete_marked_instance",
            is_due=now >= mark.due,
        )
    days = (now - since) / DAY if since else None
    words = "stopped, nobody knows since when" if days is None else f"stopped {days:.0f} days"
    return _found(
        facts,
        "stopped",
        Severity.INFORMATIONAL,
        f"{words}: its disk, address and balancer are paid for",
        fixed_by="mark_stopped_instance",
        days=days,
    )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_ID = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab/computes/ada"
)


def _seen(inner: Mapping[str, Any], *free: float) -> Seen:
    document = {
        "id": _ID,
        "location": "westeurope",
        "properties": {"computeType": "ComputeInstance", "properties": inner},
    }
    points = {DISK_FREE.metric: {_ID.casefold(): free}} if free else {}
    found = keep(document)
    return Seen("5f0ac1d2-0000-4000-8000-000000000001", {"computes": [found]}, points=points)


_WELL_KEPT = {
    "state": "Running",
    "idleTimeBeforeShutdown": "PT60M",
    "osImageMetadata": {"isLatestOsImageVersion": True},
    "schedules": {
        "computeStartStop": [
            {
                "action": "Stop",
                "status": "Enabled",
                "triggerType": "Cron",
                "cron": {"expression": "0 19 * * *", "timeZone": "UTC"},
            }
        ]
    },
}

SURVEY = Survey(
    name="compute_instances",
    summary="Azure ML compute instances: idle time, stop times, image, state, free disk.",
    says=SignalType.AML_INSTANCE_FOUND,
    every=timedelta(hours=1),
    reads=computes_of_workspaces(keep),
    measures=(DISK_FREE,),
    actions=(
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.MachineLearningServices/workspaces/computes/read",
        "Microsoft.Insights/metrics/read",
    ),
    look=look,
    facts=FactsKind.ML_INSTANCE,
    examples=(
        SurveyExample("nothing is the matter", _seen(_WELL_KEPT, 30_000.0), _NOW, ()),
        SurveyExample(
            "nothing ever stops it",
            _seen({"state": "Running"}),
            _NOW,
            ("no_idle_shutdown", "no_stop_time"),
        ),
        SurveyExample(
            "a new image is out",
            _seen(
                {
                    **_WELL_KEPT,
                    "osImageMetadata": {
                        "currentImageVersion": "22.08.19",
                        "latestImageVersion": "22.09.06",
                        "isLatestOsImageVersion": False,
                    },
                }
            ),
            _NOW,
            ("outdated_image",),
        ),
        SurveyExample(
            "its disk is nearly full", _seen(_WELL_KEPT, 900.0), _NOW, ("disk_nearly_full",)
        ),
        SurveyExample(
            "it cannot be used, and its last start failed",
            _seen(
                {
                    **_WELL_KEPT,
                    "state": "Unusable",
                    "lastOperation": {
                        "operationName": "Start",
                        "operationStatus": "StartFailed",
                    },
                }
            ),
            _NOW,
            ("broken", "failed_operation"),
        ),
        SurveyExample(
            "stopped for forty days",
            _seen(
                {
                    **_WELL_KEPT,
                    "state": "Stopped",
                    "lastOperation": {
                        "operationName": "Stop",
                        "operationStatus": "Succeeded",
                        "operationTime": "2029-12-01T00:00:00Z",
                    },
                }
            ),
            _NOW,
            ("stopped",),
        ),
    ),
)
