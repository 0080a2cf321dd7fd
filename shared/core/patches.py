"""What Update Manager knows of a machine: its last assessment and its last installation.

Read of a VM's own instance view, and of Resource Graph for an Arc server, which has none.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view
(patchStatus), https://learn.microsoft.com/azure/update-manager/query-logs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.moments import read_moment
from shared.core.resources import Resource, resource_from_arm

Document = Mapping[str, Any]
ARC_MACHINE = "microsoft.hybridcompute/machines"
IN_PROGRESS, SUCCEEDED = "inprogress", "succeeded"
_POWER = "powerstate/"
_URGENT = ("critical", "security")


@dataclass(frozen=True, slots=True)
class PatchFacts:
    """A machine and its updates. What is not told is None, or an empty word.

    Attributes:
        os: ``linux``, ``windows`` or empty.
        is_on: It runs, or its agent is connected; None if that is not told.
        assessment: ``succeeded``, ``failed``, ``inprogress`` ...; empty: never.
        urgent: Critical and security updates that are not installed.
        installation: How the last installation stands, in the same words.
    """

    resource: Resource
    os: str = ""
    is_on: bool | None = None
    assessment: str = ""
    assessed_at: datetime | None = None
    urgent: int | None = None
    other: int | None = None
    restart_pending: bool | None = None
    installation: str = ""
    installation_began: datetime | None = None
    installed: int | None = None
    failed: int | None = None


def facts_of_vm(document: Document, asked: str) -> PatchFacts:
    """Read a VM's document with its instance view."""
    said = _part(document, "properties")
    view = _part(said, "instanceView")
    available = _part(view, "patchStatus", "availablePatchSummary")
    last = _part(view, "patchStatus", "lastPatchInstallationSummary")
    return PatchFacts(
        resource=resource_from_arm(document, asked),
        os=_word(_part(said, "storageProfile", "osDisk"), "osType"),
        is_on=_is_on(view),
        assessment=_word(available, "status"),
        assessed_at=_moment(available, "lastModifiedTime"),
        urgent=_count(available, "criticalAndSecurityPatchCount"),
        other=_count(available, "otherPatchCount"),
        restart_pending=_flag(available, "rebootPending"),
        installation=_word(last, "status"),
        installation_began=_moment(last, "startTime"),
        installed=_count(last, "installedPatchCount"),
        failed=_count(last, "failedPatchCount"),
    )


def facts_of_arc(
    document: Document,
    asked: str,
    assessments: Sequence[Document],
    installations: Sequence[Document],
) -> PatchFacts:
    """Read an Arc server's document and its rows of Resource Graph."""
    said = _part(document, "properties")
    status = _word(said, "status")
    newest = _newest(assessments, "lastModifiedDateTime")
    last = _newest(installations, "startDateTime")
    told = _part(newest, "availablePatchCountByClassification")
    counts = {name.casefold(): count for name, count in told.items() if type(count) is int}
    urgent = sum(counts.get(name, 0) for name in _URGENT)
    return PatchFacts(
        resource=resource_from_arm(document, asked),
        os=_word(said, "osType"),
        is_on=status == "connected" if status else None,
        assessment=_word(newest, "status"),
        assessed_at=_moment(newest, "lastModifiedDateTime"),
        urgent=urgent if told else None,
        other=sum(counts.values()) - urgent if told else None,
        restart_pending=_flag(newest, "rebootPending"),
        installation=_word(last, "status"),
        installation_began=_moment(last, "startDateTime"),
        installed=_count(last, "installedPatchCount"),
        failed=_count(last, "failedPatchCount"),
    )


def _newest(rows: Sequence[Document], name: str) -> Document:
    """Return the properties of the newest row; rows without a moment do not count."""
    known = [
        (at, said) for row in rows if (at := _moment(said := _part(row, "properties"), name))
    ]
    return max(known, key=lambda pair: pair[0])[1] if known else {}


def _is_on(view: Document) -> bool | None:
    statuses = view.get("statuses")
    codes = [
        str(one.get("code") or "").casefold()
        for one in (statuses if isinstance(statuses, list) else ())
        if isinstance(one, Mapping)
    ]
    power = [code.removeprefix(_POWER) for code in codes if code.startswith(_POWER)]
    return power[-1] == "running" if power else None


def _part(document: Document, *names: str) -> Document:
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _word(document: Document, name: str) -> str:
    found = document.get(name)
    return found.casefold() if isinstance(found, str) else ""


def _count(document: Document, name: str) -> int | None:
    found = document.get(name)
    return found if type(found) is int and found >= 0 else None


def _flag(document: Document, name: str) -> bool | None:
    found = document.get(name)
    return found if isinstance(found, bool) else None


def _moment(document: Document, name: str) -> datetime | None:
    found = document.get(name)
    try:
        return read_moment(found) if isinstance(found, str) else None
    except ValueError:
        return None
