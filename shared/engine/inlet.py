"""From an inlet's bytes to recorded answers; what cannot be read is kept, with why.

An inlet acknowledges after this returns: by then every plan, every refusal and every
unreadable event is stored. If that failed it raises, and the sender sends again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.core.envelopes import Malformed
from shared.core.errors import MalformedEvent, NotJson
from shared.core.signals import Signal, Unanswered
from shared.engine.archive import Copy
from shared.engine.events import hear
from shared.engine.night import Night
from shared.engine.request import Answer

Parse = Callable[[bytes], Sequence[Signal | Unanswered | Malformed]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one delivery.

    Attributes:
        is_json: False if the body as a whole was no JSON.
        lost_copy: Why the archive has no copy of it; empty if it has, or is off.
    """

    answers: tuple[Answer, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    is_json: bool = True
    lost_copy: str = ""


async def take_in(
    night: Night, body: bytes, parse: Parse, *, source: str, budget: timedelta
) -> Heard:
    """Parse, answer, quarantine; keep a copy.

    Raises:
        RetryLater: Something could not be stored; the sender must send again.
    """
    copy = Copy(night, source, body)
    try:
        heard = await _take_in(night, body, parse, source=source, budget=budget)
    finally:
        lost = await copy.finish()
    return replace(heard, lost_copy=lost)


async def _take_in(
    night: Night, body: bytes, parse: Parse, *, source: str, budget: timedelta
) -> Heard:
    try:
        parsed = parse(body)
    except MalformedEvent as error:
        await quarantine(night, body, why=str(error), source=source)
        whole = Malformed(0, str(error), "")
        return Heard(malformed=(whole,), is_json=not isinstance(error, NotJson))
    bad = tuple(one for one in parsed if isinstance(one, Malformed))
    good = [one for one in parsed if not isinstance(one, Malformed)]
    answers = await hear(night, good, budget=budget)
    for one in bad:
        await quarantine(night, one.raw.encode(), why=one.why, source=source)
    return Heard(tuple(answers), bad)


async def quarantine(night: Night, body: bytes, *, why: str, source: str) -> None:
    """Keep a body under its own hash, so that a redelivery is the same document."""
    name = f"{source}/{hashlib.sha256(body).hexdigest()[:32]}"
    await night.ports.records.quarantine(name, body, why=why, source=source)
