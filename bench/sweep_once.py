"""One idle tick of the real app in a process of its own; prints what it cost as JSON."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time


async def main() -> None:
    """Build the app as a Functions worker would, warm it, then let one tick look."""
    from shared.bootstrap import night, telemetry
    from shared.engine.idle import look_for_idle

    engine = night()
    telemetry()
    await engine.ports.ledger.find_event("bench-warm")  # connected, as after the first tick
    before = _peak_mb()
    began, used = time.perf_counter(), time.process_time()
    tally = await look_for_idle(engine)
    said = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - used,
        "peak_mb": _peak_mb(),
        "before_mb": before,
        "looked_at": tally.looked_at,
        "by_reason": dict(tally.by_reason),
        "unread": len(tally.unread),
    }
    sys.stdout.write(json.dumps(said) + "\n")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    asyncio.run(main())
