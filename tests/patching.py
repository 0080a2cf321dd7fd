"""A machine that lacks updates, and what a survey says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.core.patches import PatchFacts
from shared.core.signals import Signal, SignalType
from tests import builders as make
from tests.builders import NOW, VM
from tests.shift import Shift

LACKS = 3


def patchable(**changes: object) -> PatchFacts:
    """Make what is known of a machine that was assessed two hours ago."""
    facts = PatchFacts(
        make.a_resource(VM),
        "linux",
        is_on=True,
        assessment="succeeded",
        assessed_at=NOW - timedelta(hours=2),
        urgent=LACKS,
        other=1,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def with_patchable(shift: Shift, **changes: object) -> None:
    """Put the machine into the world."""
    shift.world.patching.add(patchable(**changes), lacking=LACKS)


def lacking_updates(finding: str = "updates_missing") -> Signal:
    """Make the finding of a survey's turn."""
    return Signal(
        type=SignalType.POSTURE_FOUND,
        event_id=f"survey-update_compliance-{NOW:%Y%m%dT%H%M}-{finding}",
        source="survey",
        target=VM,
        observed_at=NOW,
        attributes={"finding": finding},
        is_recurring=True,
    )
