"""Signals that several remediations' examples begin with, for catalogue and tests."""

from __future__ import annotations

from datetime import datetime

from shared.core.signals import Signal, SignalType


def idle_tick(target: str, at: datetime) -> Signal:
    """Make the timer's signal that looks whether a machine is idle."""
    return _recurring(SignalType.COMPUTE_IDLE, f"tick-idle-{at:%Y%m%dT%H%M}", target, at)


def found_by(survey: str, kind: SignalType, target: str, at: datetime) -> Signal:
    """Make the signal of a survey that came upon a resource."""
    return _recurring(kind, f"survey-{survey}-{at:%Y%m%dT%H%M}-x", target, at)


def _recurring(kind: SignalType, event_id: str, target: str, at: datetime) -> Signal:
    return Signal(
        type=kind,
        event_id=event_id,
        source=event_id.partition("-")[0],
        target=target,
        observed_at=at,
        is_recurring=True,
    )
