"""What looking after the app found: one value a thing looked at, with what to do about it.

The same value whoever looked: the app at itself with its own identity, or a person's
command line at what stands around the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a thing was found. ``UNKNOWN`` is never rounded up to ``OK``."""

    OK = "ok"
    NOTE = "note"
    OFF = "off"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        check: Stable name, as in ``roles`` or ``event_subscriptions``.
        about: What of it, if there are several: a scope, a queue, a subscription.
        said: What was found, in a sentence.
        advice: What to do about it: a command, or the page that says it; empty if nothing.
        items: Each thing by itself where ``said`` sums up.
    """

    check: str
    verdict: Verdict
    said: str
    about: str = ""
    advice: str = ""
    items: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it for the route and for ``--json``."""
        return {
            "check": self.check,
            "about": self.about,
            "verdict": self.verdict.value,
            "said": self.said,
            "advice": self.advice,
            "items": list(self.items),
        }


def finding_from_json(document: Mapping[str, Any]) -> Finding:
    """Read a finding; a verdict of a newer release is one that this one cannot judge."""
    known = {one.value for one in Verdict}
    said = str(document.get("verdict"))
    return Finding(
        check=str(document.get("check") or ""),
        verdict=Verdict(said) if said in known else Verdict.UNKNOWN,
        said=str(document.get("said") or ""),
        about=str(document.get("about") or ""),
        advice=str(document.get("advice") or ""),
        items=tuple(str(one) for one in document.get("items") or ()),
    )


def exit_code(findings: Iterable[Finding]) -> int:
    """Sum up: 1 if anything failed, 2 if something could not be looked at, else 0."""
    verdicts = {one.verdict for one in findings}
    if Verdict.FAILED in verdicts:
        return 1
    return 2 if Verdict.UNKNOWN in verdicts else 0
