"""Waves as the effects use them: read, changed, and written unless somebody was quicker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared.core.errors import StaleFacts, Throttled
from shared.core.waves import Wave
from shared.engine.effects.work import Work
from shared.engine.night import Ports

LEAD, GATHER, WINDOW = timedelta(seconds=12), timedelta(seconds=2), timedelta(seconds=60)
_TRIES = 20


async def changed(ports: Ports, key: str, change: Callable[[Wave], Wave]) -> Wave:
    """Read a wave, and write it as it should be, as often as others are quicker.

    Raises:
        Throttled: They were quicker every time.
    """
    for _ in range(_TRIES):
        found = await ports.waves.read(key)
        wanted = change(found)
        if wanted is found:
            return found
        try:
            return await ports.waves.save(wanted)
        except StaleFacts:
            continue
    raise Throttled("joining a wave that many join", after=timedelta(seconds=1))


def span(work: Work, name: str, otherwise: timedelta) -> timedelta:
    """Read a length of time; plans that an older release stored have none."""
    said = work.args.get(name)
    return otherwise if said is None else timedelta(seconds=said)
