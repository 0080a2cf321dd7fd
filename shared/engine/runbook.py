"""A runbook: a plan that a person starts over HTTP, by the name of a remediation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from shared.core.errors import GiveUp, InvalidSetting, InvalidTarget
from shared.core.facts import FactsKind
from shared.core.plans import Mode
from shared.core.remediation import Remediation
from shared.core.resource_ids import BATCH_ACCOUNT, BATCH_JOB, ML_COMPUTE, SCALE_SET_VM, VM
from shared.core.signals import Signal, SignalType
from shared.engine.answer import Answer, Request, answer
from shared.engine.night import Night
from shared.rules.book import Rule
from shared.rules.conditions import compile_condition
from shared.rules.settings import convert, known_settings

WORKS_ON: Mapping[FactsKind, tuple[str, ...]] = {
    FactsKind.NODE: (SCALE_SET_VM, VM),
    FactsKind.MACHINE: (VM, ML_COMPUTE),
    FactsKind.DISKS: (VM,),
    FactsKind.FAILED_TASKS: (BATCH_ACCOUNT, BATCH_JOB),
}


class UnknownRemediation(GiveUp):
    """No remediation has that name; the message names those that exist."""


async def start(
    night: Night,
    remediation: str,
    *,
    target: str,
    given: Mapping[str, Any],
    is_dry_run: bool,
    request_id: str,
    reason: str = "",
) -> Answer:
    """Answer a person's request as one event of its own.

    Args:
        request_id: The caller's idempotency key, or the invocation's id: the same id
            is the same request, whatever is sent again with it.

    Raises:
        UnknownRemediation: With the names of those that exist.
        InvalidSetting: ``with`` has an unknown key or a value that does not fit.
    """
    known = night.remediations.get(remediation)
    if known is None:
        names = ", ".join(night.remediations)
        raise UnknownRemediation(f"no remediation is called {remediation!r}; known: {names}")
    rule = runbook_rule(known, given)
    signal = runbook_signal(
        remediation,
        target=target,
        is_dry_run=is_dry_run,
        request_id=request_id,
        reason=reason,
        now=night.ports.clock.now(),
    )
    said = await answer(night, signal, Request(is_dry_run=is_dry_run, rules=(rule,)))
    if said.stored is not None and said.stored.plan.rule_hash != rule.hash:
        raise InvalidSetting(
            f"the idempotency key {request_id!r} was used with other settings: "
            f"its plan is {said.stored.plan.id}; take another key for another request"
        )
    return said


def runbook_signal(
    remediation: str,
    *,
    target: str,
    is_dry_run: bool,
    request_id: str,
    reason: str,
    now: datetime,
) -> Signal:
    """Write a request as the event that it is."""
    return Signal(
        type=SignalType.RUNBOOK,
        event_id=request_id,
        source="runbook",
        target=target,
        observed_at=now,
        attributes={"remediation": remediation, "reason": reason, "dry_run": is_dry_run},
    )


def check_target(remediation: Remediation, target_type: str, target: str) -> None:
    """Refuse a target of a type that the remediation does not work on.

    Raises:
        InvalidTarget: With the types it works on.
    """
    wanted = WORKS_ON[remediation.facts]
    if target_type not in wanted:
        raise InvalidTarget(
            f"{remediation.name} does not work on {target or 'nothing'}; "
            f"it works on {', '.join(wanted)}"
        )


def runbook_rule(remediation: Remediation, given: Mapping[str, Any]) -> Rule:
    """Make the rule that a request is: it always matches, and it may act.

    Raises:
        InvalidSetting: ``given`` has an unknown key or a value that does not fit.
    """
    settings = _settings(remediation, given)
    content = json.dumps([remediation.name, given], sort_keys=True, default=str)
    return Rule(
        name=f"runbook/{remediation.name}",
        on=frozenset({SignalType.RUNBOOK}),
        condition=compile_condition("true"),
        remediation=remediation,
        settings=settings,
        mode=Mode.AUTO,
        cooldown=timedelta(0),
        hash=hashlib.sha256(content.encode()).hexdigest()[:16],
        source="runbook",
    )


def _settings(remediation: Remediation, given: Mapping[str, Any]) -> Any:
    known = known_settings(remediation.settings)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for key, value in given.items():
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            wrong.append(f"with.{key} is no setting of {remediation.name}{hint}")
            continue
        try:
            values[key] = convert(value, known[key])
        except ValueError as error:
            wrong.append(f"with.{key}: {error}")
    if wrong:
        raise InvalidSetting("; ".join(wrong) + f" (settings: {', '.join(known)})")
    try:
        return remediation.settings(**values)
    except ValueError as error:
        raise InvalidSetting(f"with: {error}") from error
