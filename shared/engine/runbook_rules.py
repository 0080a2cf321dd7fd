"""The rule that a person's request is: it always matches, and it may act.

Made of what the request's signal carries, so that a request which waited for another
person's yes is the same rule when it is heard again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from shared.core.errors import InvalidSetting, InvalidTarget
from shared.core.plans import Mode
from shared.core.remediation import Remediation
from shared.core.settings import Settings
from shared.core.signals import Signal, SignalType
from shared.core.terms import ApprovalKind, ApprovalTerms
from shared.engine.night import Night
from shared.rules.book import Rule
from shared.rules.conditions import compile_condition
from shared.rules.settings import convert, known_settings

ASKED_FOR = timedelta(hours=2)
"""How long a runbook waits for somebody's yes: who started it is still there."""


def rule_asked_for(night: Night, signal: Signal) -> Rule:
    """Make the rule of a runbook that is heard again.

    Raises:
        InvalidTarget: This version has no remediation of that name any more.
        InvalidSetting: Its settings do not fit any more.
    """
    name = str(signal.attributes.get("remediation") or "")
    found = night.remediations.get(name)
    if found is None:
        raise InvalidTarget(f"no remediation is called {name!r} in this version")
    return runbook_rule(found, signal.attributes.get("with") or {}, night.settings)


def runbook_rule(
    remediation: Remediation, given: Mapping[str, Any], deployment: Settings
) -> Rule:
    """Make the rule that a request is; whether it needs a yes is the deployment's word.

    A person named the target, so no limit counts it; every other guardrail is asked.

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
        limits=(),
        approval=_approval(deployment, remediation),
    )


def _approval(deployment: Settings, remediation: Remediation) -> ApprovalTerms | None:
    kind = ApprovalKind(deployment.runbook_approval)
    if kind is ApprovalKind.NONE and remediation.always_asks:
        kind = ApprovalKind.REQUIRED
    return ApprovalTerms(kind, ASKED_FOR) if kind is not ApprovalKind.NONE else None


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
