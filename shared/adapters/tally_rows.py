"""How a tally lies in one table row. Pure.

Ids of targets and events are split at their last slash, and what many entries share is
written once: two thousand entries of one scale set are then a quarter of a row. A
person who looks at the table sees the key, how many entries there are and whether a
breaker is open; only the document is ever read back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.table_rows import COLUMN, Row, document, document_of
from shared.core.errors import InvalidTarget
from shared.core.rollouts import ROLLOUT
from shared.core.tallies import (
    BREAKER,
    CANARY,
    MONEY,
    MOST_COUNT,
    PLANS,
    STRIKES,
    Entry,
    Tally,
    idle_since,
    kept,
)
from shared.core.wire import read_moment, unknown_in, write_moment

ROW = "tally"
KINDS = (BREAKER, CANARY, MONEY, PLANS, ROLLOUT, STRIKES)
_KNOWN = frozenset(
    {"key", "tripped_at", "threshold", "canary", "canary_at", "words", "entries"}
)
_FIELDS = 11
"""What an entry has; what stands behind has no word of ``words`` in it, for those are
numbered anew at each write."""
IN_USE = "in use"
"""Sorts after every moment: what holds an open plan or breaker is never old."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class _Words:
    """Texts that are written once, by number."""

    texts: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        if text not in self.numbers:
            self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return self.numbers[text]

    def split(self, text: str) -> tuple[int, str]:
        above, slash, name = text.rpartition("/")
        return self.number(above + slash), name


def tally_key(key: str) -> tuple[str, str]:
    """Return partition and row of a tally; each has its own, so that none bounds another.

    The partition begins with the kind, so that one kind can be read without the others.
    """
    folded = key.encode(errors="replace")
    kind = key.partition("|")[0]
    known = kind if kind in KINDS else "other"
    return f"{known}-{hashlib.sha256(folded).hexdigest()[:24]}", ROW


def span_of(kind: str) -> dict[str, str]:
    """Return the first partition key of a kind, and the first behind its last."""
    return {"first": f"{kind}-", "behind": f"{kind}."}  # "." comes right after "-"


def tally_row(tally: Tally) -> Row:
    """Write a tally.

    Raises:
        InvalidTarget: It does not fit in one row, even without what no limit needs.
    """
    partition, row = tally_key(tally.key)
    what = f"the tally {tally.key[:COLUMN]}"
    try:
        written = document(_written(tally, tally.entries), what)
    except InvalidTarget:
        latest = max(one.at for one in tally.entries)
        fewer = kept(tally.entries, latest, most=MOST_COUNT)
        written = document(_written(tally, fewer), what)
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "key": tally.key[:COLUMN].encode(errors="replace").decode(),
        "entries": len(tally.entries),
        "is_tripped": tally.tripped_at is not None,
        "idle_since": write_moment(idle_since(tally)) or IN_USE,
        **written,
    }


def _written(tally: Tally, entries: tuple[Entry, ...]) -> dict[str, Any]:
    words = _Words()
    rows = [
        [
            one.token,
            *words.split(one.target),
            _micros(one.at),
            None if one.ended_at is None else _micros(one.ended_at),
            words.number(one.outcome),
            one.amount,
            words.number(one.rule),
            *words.split(one.event),
            int(one.is_involuntary),
            *one.unknown,
        ]
        for one in entries
    ]
    return {
        **tally.unknown,
        "key": tally.key,
        "tripped_at": write_moment(tally.tripped_at),
        "threshold": tally.threshold,
        "canary": tally.canary,
        "canary_at": write_moment(tally.canary_at),
        "words": words.texts,
        "entries": rows,
    }


def tally_of(row: Mapping[str, Any], etag: str) -> Tally:
    """Read a tally.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        written = document_of(row)
        words = written["words"]
        return Tally(
            key=written["key"],
            entries=tuple(_entry(one, words) for one in written["entries"]),
            tripped_at=read_moment(written["tripped_at"]),
            canary=written["canary"],
            etag=etag,
            threshold=int(written["threshold"]),
            canary_at=read_moment(written["canary_at"]),
            unknown=unknown_in(written, _KNOWN),
        )
    except (KeyError, ValueError, TypeError, IndexError) as exc:
        raise InvalidTarget(f"the row of {row.get('key')} is no tally: {exc!r}") from exc


def _entry(row: list[Any], words: list[str]) -> Entry:
    known, unknown = row[:_FIELDS], row[_FIELDS:]
    token, above, name, at, ended, outcome, amount, rule, source, event, involuntary = known
    return Entry(
        token=token,
        target=words[above] + name,
        at=_moment(at),
        ended_at=None if ended is None else _moment(ended),
        outcome=words[outcome],
        amount=float(amount),
        rule=words[rule],
        event=words[source] + event,
        is_involuntary=bool(involuntary),
        unknown=tuple(unknown),
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
