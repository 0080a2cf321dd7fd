"""One log line for each decision and each plan's turn; the ledger has the rest.

Names and reasons only: never a payload, a header or a token.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.decisions import Reason
from shared.core.pauses import Pause
from shared.core.plans import Plan
from shared.engine.inlet import Heard
from shared.engine.request import Answer
from shared.ports.telemetry import Telemetry, Told

if TYPE_CHECKING:
    from shared.engine.export import Exported  # not on the fast path

_LOG = logging.getLogger("nightshift")
_SHOWN = 5
_lost: Counter[str] = Counter()


def note_heard(inlet: str, heard: Heard) -> None:
    """Log what one delivery became.

    A copy that the archive lost shows as ``archive=lost`` with this process's count of
    them; the delivery's decisions are in the ledger all the same.
    """
    if heard.lost_copy:
        _lost[inlet] += 1
        _LOG.warning(
            "inlet=%s archive=lost lost=%d why=%r", inlet, _lost[inlet], heard.lost_copy
        )
    for one in heard.malformed:
        _LOG.warning("inlet=%s malformed index=%d why=%r", inlet, one.index, one.why)
    for answer in heard.answers:
        note_answer(inlet, answer)


def tell_heard(
    telemetry: Telemetry,
    inlet: str,
    heard: Heard,
    when: tuple[datetime, datetime],
    caller: str = "",
) -> None:
    """Tell whoever watches of each event of one delivery: the root of the event's trace.

    A redelivery is told inside the trace; its root was told before.

    Args:
        caller: The ``traceparent`` that the host gives, or empty; it becomes a link.
    """
    if not telemetry.is_on:
        return
    by_event: dict[str, list[Answer]] = {}
    for answer in heard.answers:
        by_event.setdefault(answer.signal.event_id, []).append(answer)
    for event_id, answers in by_event.items():
        told = Told(
            "event",
            about=event_id,
            own=event_id if any(map(_is_first, answers)) else "",
            began=when[0],
            ended=when[1],
            link=caller,
            attributes={
                "inlet": inlet,
                "signal": str(answers[0].signal.type),
                "phase": str(answers[0].signal.phase),
                "targets": len(answers),
                "plans": sum(answer.is_new for answer in answers),
            },
        )
        telemetry.told(told)


def _is_first(answer: Answer) -> bool:
    again = Reason.DUPLICATE.value
    return not all(ruling.to_json()["reason"] == again for ruling in answer.rulings)


def note_answer(inlet: str, answer: Answer) -> None:
    """Log each rule's answer to one signal."""
    for ruling in answer.rulings:
        shown = ruling.to_json()
        _LOG.info(
            "inlet=%s signal=%s event=%s target=%s rule=%s decision=%s reason=%s plan=%s",
            inlet,
            answer.signal.type,
            answer.signal.event_id,
            answer.signal.target,
            ruling.rule,
            shown["kind"],
            shown["reason"],
            ruling.plan,
        )


def note_plan(plan: Plan) -> None:
    """Log where a plan was left."""
    _LOG.info(
        "plan=%s rule=%s target=%s state=%s outcome=%s steps=%s",
        plan.id,
        plan.rule,
        plan.target,
        "open" if plan.is_open else "closed",
        plan.outcome or "",
        ",".join(f"{r.step.verb}:{r.outcome or '-'}" for r in plan.steps),
    )


def note_export(told: Exported) -> None:
    """Log what the sinks took, what they would not take and how far behind they are."""
    for sink, why in told.failed.items():
        _LOG.warning("export sink=%s failed=%r", sink, why)
    for sink, refused in told.refused.items():
        for record, why in sorted(refused.items())[:_SHOWN]:
            _LOG.warning("export sink=%s refused=%s why=%r", sink, record, why)
    if told.purged:
        _LOG.info("export purged=%d reason=no_sink_configured", told.purged)
    if told.orphaned:
        _LOG.info("export orphaned=%d", told.orphaned)
    if told.unreadable:
        _LOG.warning("export unreadable=%d", told.unreadable)
    if any(told.sent.values()) or told.lag:
        _LOG.info(
            "export sent=%s pointers=%d dropped=%d export_lag_seconds=%.1f",
            told.sent,
            told.pointers,
            told.dropped,
            told.lag.total_seconds(),
        )


def note_pause(said: str, pause: Pause) -> None:
    """Log that a person paused something, or lifted a pause."""
    _LOG.warning("control=%s pause=%s scope=%s", said, pause.id, pause.scope)
