"""Update Manager: machines that lack updates, wait for a restart, or were never assessed.

Update Manager writes each assessment to Resource Graph and keeps it there for seven days:
a machine without one was not assessed for a week, perhaps because it is off. The names
of the classes are written in both cases, by the kind of machine.

Source: https://learn.microsoft.com/azure/update-manager/query-logs,
https://learn.microsoft.com/azure/update-manager/assessment-options
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.posture import graph_of, owner_of, part, seen_of, word
from shared.core.signals import SignalType
from shared.core.surveys import (
    Document,
    Finding,
    Kept,
    Listing,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

RESULTS = "/patchassessmentresults/"
URGENT = ("critical", "security")
_DOCS = "https://learn.microsoft.com/azure/update-manager"
INSTALL = (
    "Install them in a maintenance window: by a maintenance configuration of Update Manager, "
    "or once."
)

MISSING = Point(
    "updates_missing",
    Severity.ERROR,
    "Critical or security updates are available and not installed.",
    f"{_DOCS}/deploy-updates",
    INSTALL,
    "install_patches",
)
RESTART = Point(
    "restart_pending",
    Severity.WARNING,
    "Updates are installed, and the machine must restart before they count.",
    f"{_DOCS}/manage-updates-customized-images",
    "Restart the machine when its work allows.",
)
FAILED = Point(
    "assessment_failed",
    Severity.WARNING,
    "The last assessment failed: what is missing is not known.",
    f"{_DOCS}/troubleshoot",
    "Read the assessment's error in Update Manager, mend it, and assess again.",
    "assess_patches",
)
UNKNOWN = Point(
    "not_assessed",
    Severity.WARNING,
    "Update Manager keeps no assessment of the last seven days.",
    f"{_DOCS}/assessment-options",
    "Switch periodic assessment on (assessmentMode AutomaticByPlatform), or assess it once.",
    "assess_patches",
)


def keep_result(document: Document) -> Kept:
    """Keep whose an assessment is, and what it counted."""
    said = part(document, "properties")
    counts = {
        str(name).casefold(): number
        for name, number in part(said, "availablePatchCountByClassification").items()
        if type(number) is int
    }
    found = kept(
        document,
        counts=counts,
        status=word(said, "status").casefold(),
        restart=said.get("rebootPending") is True,
        at=word(said, "lastModifiedDateTime"),
    )
    owner_of(found.id, RESULTS)
    return found


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name what the last assessment of each machine says."""
    results = {
        owner_of(one.id, RESULTS): one
        for one in (*seen.items["vm_results"], *seen.items["arc_results"])
    }
    for item in (*seen.items["vms"], *seen.items["arc"]):
        result = results.get(item.id.casefold())
        if result is None:
            yield UNKNOWN.found(item.id, "no assessment in Resource Graph, which keeps 7 days")
        else:
            yield from _of(item, result.more)


def _of(item: Kept, result: Mapping[str, Any]) -> Iterator[Finding]:
    counts, at = result["counts"], result["at"] or "an unknown time"
    if result["status"] == "failed":
        yield FAILED.found(item.id, f"the assessment of {at} failed")
        return
    urgent = {name: counts.get(name, 0) for name in URGENT}
    if any(urgent.values()):
        words = ", ".join(f"{number} {name}" for name, number in urgent.items() if number)
        others = sum(counts.values()) - sum(urgent.values())
        evidence = f"{words} and {others} other updates, assessed {at}"
        yield MISSING.found(item.id, evidence, **urgent, other=others)
    if result["restart"]:
        yield RESTART.found(item.id, f"a restart is pending, assessed {at}")


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_GROUP = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/a"
_ARC = f"{_GROUP}/Microsoft.HybridCompute/machines/b"
READS = {
    "vms": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines",
        api_version="2024-07-01",
        keep=kept,
    ),
    "arc": Listing(graph=graph_of("microsoft.hybridcompute/machines", tags=True), keep=kept),
    "vm_results": Listing(
        graph=graph_of(
            "microsoft.compute/virtualmachines/patchassessmentresults",
            table="patchassessmentresources",
        ),
        keep=keep_result,
        must_be_whole=True,
    ),
    "arc_results": Listing(
        graph=graph_of(
            "microsoft.hybridcompute/machines/patchassessmentresults",
            table="patchassessmentresources",
        ),
        keep=keep_result,
        must_be_whole=True,
    ),
}


def _result(machine: str, **said: Any) -> Document:
    properties = {
        "status": "Succeeded",
        "rebootPending": False,
        "lastModifiedDateTime": "2030-01-09T22:00:00Z",
        **said,
    }
    return {"id": f"{machine}/patchAssessmentResults/latest", "properties": properties}


def _seen(**said: Iterable[Document]) -> Seen:
    return seen_of(_SUBSCRIPTION, READS, said)


SURVEY = Survey(
    name="update_compliance",
    summary="Update Manager: machines and Arc servers that lack updates or an assessment.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/virtualMachines/patchAssessmentResults/latest/read",
        "Microsoft.HybridCompute/machines/read",
        "Microsoft.HybridCompute/machines/patchAssessmentResults/read",
    ),
    look=look,
    points=(MISSING, RESTART, FAILED, UNKNOWN),
    examples=(
        SurveyExample(
            "assessed, and only others are available",
            _seen(
                vms=[{"id": _VM}],
                vm_results=[_result(_VM, availablePatchCountByClassification={"other": 4})],
            ),
            _NOW,
            (),
        ),
        SurveyExample(
            "critical updates on a VM, security updates on an Arc server",
            _seen(
                vms=[{"id": _VM}],
                arc=[{"id": _ARC}],
                vm_results=[_result(_VM, availablePatchCountByClassification={"Critical": 2})],
                arc_results=[
                    _result(_ARC, availablePatchCountByClassification={"security": 1})
                ],
            ),
            _NOW,
            ("updates_missing", "updates_missing"),
        ),
        SurveyExample(
            "installed, and not restarted yet",
            _seen(vms=[{"id": _VM}], vm_results=[_result(_VM, rebootPending=True)]),
            _NOW,
            ("restart_pending",),
        ),
        SurveyExample(
            "the assessment failed",
            _seen(vms=[{"id": _VM}], vm_results=[_result(_VM, status="Failed")]),
            _NOW,
            ("assessment_failed",),
        ),
        SurveyExample(
            "nobody ever assessed it", _seen(vms=[{"id": _VM}]), _NOW, ("not_assessed",)
        ),
    ),
)
