"""Give records to one sink: in batches, in halves where a batch is refused.

Knows nothing of the outbox. What the sink took, what it would not take and whether it
is to be had at all is told; nothing is ever dropped here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.audit import AuditRecord, batches
from shared.core.errors import AutomationError, InvalidTarget, Throttled, TooLarge
from shared.ports import AuditSink, Undelivered

MOST_BYTES = 800_000
"""Both services take 1 MB a call; the rest is for what separates and wraps records."""
MOST_RECORDS = 500
MOST_HALVINGS = 32
"""One bad record among 500 takes nine; more than this, and it is not the records."""


@dataclass
class Delivery:
    """What became of the records.

    Attributes:
        taken: Ids of records that the sink has.
        refused: Id to the service's words, of single records that it would not take
            although it took others.
        doubtful: The same where it took nothing: the fault may be the sink's.
        error: Why the rest was not sent, or None.
        rest: How long the sink asked not to be called.
    """

    sink: str
    taken: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    error: AutomationError | None = None
    rest: timedelta | None = None


async def deliver(sink: AuditSink, records: Sequence[AuditRecord]) -> Delivery:
    """Send records, oldest first; stop at the first sign that the sink is not there.

    A single record is called bad only if the sink takes others: a wrong stream or rule
    refuses them all, and that is the sink's trouble and no record's.
    """
    done = Delivery(sink.name)
    ordered = sorted(records, key=lambda record: record.at)
    waiting = deque(batches(ordered, most_bytes=MOST_BYTES, most=MOST_RECORDS))
    halvings = 0
    while waiting and done.error is None:
        batch = waiting.popleft()
        missed = await sink.send(batch)
        left = {record.id for part in missed for record in part.records}
        done.taken |= {record.id for record in batch} - left
        for part in missed:
            halvings += 1
            again = _after(done, part, is_hopeless=halvings > MOST_HALVINGS)
            waiting.extendleft(reversed(again))
    if not done.taken:
        done.refused, done.doubtful = {}, done.refused
    return done


def _after(
    done: Delivery, part: Undelivered, *, is_hopeless: bool
) -> tuple[tuple[AuditRecord, ...], ...]:
    """Decide about one part that was not taken: halves to try, a bad record, or the end."""
    is_about_records = isinstance(part.error, TooLarge | InvalidTarget)
    if not is_about_records or is_hopeless:
        done.error = done.error or part.error
        if isinstance(part.error, Throttled):
            done.rest = max(done.rest or timedelta(0), part.error.after)
        return ()
    if len(part.records) == 1:
        done.refused[part.records[0].id] = str(part.error)
        return ()
    middle = len(part.records) // 2
    return part.records[:middle], part.records[middle:]
