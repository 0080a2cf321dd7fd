"""Look whether a rung helped: every condition is true of fresh facts; changes nothing.

What cannot be read, or a condition that fails, is not true yet. When the rung's time is
over, the step fails as unverified, and the next rung may try.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.core.decisions import Reason
from shared.core.errors import AutomationError
from shared.core.facts import Facts, FactsKind
from shared.core.ledger import StepResult
from shared.core.signals import Signal
from shared.core.wire import signal_from_json
from shared.engine.effects.work import Work, already, done, failed, not_yet
from shared.engine.observe import ON_DEMAND, observe
from shared.rules.conditions import (
    ConditionFailed,
    compile_condition,
    environment_for,
    judge,
)

VERIFY_FOR = timedelta(minutes=10)
"""For a rung that names no timeout: long enough for a machine to start and report."""
LOOK_EACH = timedelta(seconds=15)
GONE = "it does not exist"


async def verify(work: Work) -> StepResult:
    """Wait, by looking again and again, until all conditions are true."""
    signal = signal_from_json(work.plan.signal)
    missing = await _missing(work, signal)
    if missing == GONE and work.plan.undoes:
        return already(Reason.TARGET_GONE)
    if not missing:
        return done(conditions=list(work.args["conditions"]))
    until = work.plan.until or (work.record.started_at or work.now()) + VERIFY_FOR
    if work.now() >= until:
        return failed(Reason.UNVERIFIED, missing=missing)
    left = until - work.now()
    raise not_yet(f"verifying {work.target}: {missing}", min(LOOK_EACH, left), seen=missing)


async def _missing(work: Work, signal: Signal) -> str:
    """Name the first condition that is not true yet and why, or nothing."""
    kind = FactsKind(work.args["facts"])
    try:
        facts = await observe(kind, signal, work.settings, work.ports, _wanted(work))
    except AutomationError as error:
        return f"it could not be read: {error}"
    if facts is None:
        return GONE
    for text in work.args["conditions"]:
        if why := _untrue(str(text), signal, facts, work.now()):
            return why
    return ""


def _wanted(work: Work) -> frozenset[str]:
    """Name what is read only because a condition asks for it."""
    named = (compile_condition(str(text)).facts for text in work.args["conditions"])
    return ON_DEMAND & frozenset[str]().union(*named)


def _untrue(text: str, signal: Signal, facts: Facts, now: datetime) -> str:
    condition = compile_condition(text)
    try:
        verdict = judge(condition, environment_for(condition, signal, facts, now))
    except ConditionFailed as error:
        return str(error)
    return "" if verdict.is_match else f"{text} is not true: {verdict.detail or 'false'}"
