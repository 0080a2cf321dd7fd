"""Pause and lift, by a person: stored, then recorded as an event of its own.

The event has the pause's id, so that what was paused, by whom and until when is read
like everything else that happened, and exported with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.pauses import Pause, Scope, ScopeKind, expiry
from shared.core.signals import Phase
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.engine.recorded import spoken
from shared.ports import EventRecord

PAUSED, LIFTED = "paused", "lifted"
SOURCE = "controls"


@dataclass(frozen=True, slots=True)
class Person:
    """Who says so, and whether the platform's sign-in vouches for the name.

    Attributes:
        subject: What stays the same when a name changes (``tenant/object id``); or empty.
    """

    name: str
    is_verified: bool = False
    subject: str = ""


async def pause(
    night: Night,
    scope: Scope,
    *,
    who: Person,
    reason: str,
    expires_in: timedelta | None,
    request_id: str,
) -> Pause:
    """Store a pause; the same request again is the same pause.

    Args:
        expires_in: How long it lasts; None for until somebody lifts it.

    Raises:
        InvalidTarget: The scope is a rule that does not exist, or it would last too
            short or too long.
        RetryLater: It could not be stored; send again.
    """
    _must_exist(night, scope)
    now = night.ports.clock.now()
    try:
        expires_at = expiry(now, expires_in)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    asked = Pause(
        id=pause_id(scope, request_id),
        scope=scope,
        owner=who.name,
        reason=reason,
        created_at=now,
        expires_at=expires_at,
        is_owner_verified=who.is_verified,
    )
    stored = await night.ports.controls.pause(asked)
    await night.ports.ledger.record_event(_record(stored, Phase.FIRED, stored.created_at))
    return stored


async def lift(night: Night, name: str, *, who: Person) -> Pause | None:
    """End a pause; None if there is none of that id. Lifting it again changes nothing.

    Raises:
        RetryLater: It could not be stored; send again.
    """
    now = night.ports.clock.now()
    by = who.name if who.is_verified else f"{who.name} (self-declared)"
    lifted = await night.ports.controls.lift(name, by=by, at=now)
    if lifted is not None and lifted.lifted_at is not None:
        record = _record(lifted, Phase.RESOLVED, lifted.lifted_at)
        await night.ports.ledger.record_event(record)
    return lifted


async def in_force(night: Night) -> list[Pause]:
    """Return the pauses in force, those that end last first."""
    now = night.ports.clock.now()
    found = [one for one in await night.ports.controls.pauses() if one.is_in_force(now)]
    found.sort(key=lambda one: (one.expires_at is not None, one.created_at, one.id))
    return found


def pause_id(scope: Scope, request_id: str) -> str:
    """Name a pause after the request for it, so that sending it again makes no second."""
    text = f"{scope}\x1f{request_id}".casefold()
    return f"pause-{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"


def pause_view(pause: Pause, now: datetime) -> dict[str, Any]:
    """Write a pause as the HTTP routes show it."""
    state = "in_force" if pause.is_in_force(now) else "lifted" if pause.lifted_at else "ended"
    return {
        "id": pause.id,
        "scope": str(pause.scope),
        "state": state,
        "owner": pause.owner,
        "is_owner_verified": pause.is_owner_verified,
        "reason": pause.reason,
        "created_at": write_moment(pause.created_at),
        "expires_at": write_moment(pause.expires_at),
        "lifted_at": write_moment(pause.lifted_at),
        "lifted_by": pause.lifted_by or None,
    }


def _must_exist(night: Night, scope: Scope) -> None:
    """Refuse a pause of a rule that is none: it would stop nothing, and nobody would know."""
    if scope.kind is not ScopeKind.RULE:
        return
    known = [rule.name for rule in night.every_rule]
    known += [f"runbook/{name}" for name in night.remediations]
    if scope.value not in known:
        close = get_close_matches(scope.value, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"rules: {', '.join(known)}"
        raise InvalidTarget(f"no rule is called {scope.value!r}; {hint}")


def _record(pause: Pause, phase: Phase, at: datetime) -> EventRecord:
    """Write what was said; the state is left out, for it passes."""
    return spoken(
        "control",
        PAUSED if phase is Phase.FIRED else LIFTED,
        pause.words,
        event_id=pause.id,
        phase=phase.value,
        at=at,
        source=SOURCE,
        target=pause.scope.value if pause.scope.value.startswith("/") else "",
        view={key: value for key, value in pause_view(pause, at).items() if key != "state"},
    )
