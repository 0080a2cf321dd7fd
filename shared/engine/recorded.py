"""Rulings as an event's record keeps them: with the facts that each was made on.

So that a replay can decide on the same facts. Facts that several rules share are
written once; those that would not fit a row are left out and say so, rather than
being cut to something that nobody observed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.core.facts import Facts
from shared.core.facts_json import facts_to_json, without_secrets
from shared.engine.rulings import Ruling

FACTS_MOST = 120_000
"""Characters of all facts in one record; a row holds about 500,000, with the steps."""


def recorded(rulings: Sequence[Ruling]) -> tuple[dict[str, Any], ...]:
    """Write rulings for the event's record."""
    written: list[dict[str, Any]] = []
    homes: dict[int, int] = {}
    left = FACTS_MOST
    for at, ruling in enumerate(rulings):
        shown = ruling.to_json()
        if ruling.observed is not None:
            kind, facts = ruling.observed
            kept, left = _kept(facts, homes, at, left)
            shown["facts"] = {"kind": kind.value, **kept}
        written.append(shown)
    return tuple(written)


def _kept(
    facts: Facts | None, homes: dict[int, int], at: int, left: int
) -> tuple[dict[str, Any], int]:
    """Write facts, or where they are written already; and how much room is left."""
    if facts is None:
        return {"value": None}, left
    if id(facts) in homes:
        return {"same_as": homes[id(facts)]}, left
    homes[id(facts)] = at
    value = facts_to_json(without_secrets(facts))
    size = len(json.dumps(value))
    if size > left:
        return {"too_large": size}, left
    return {"value": value}, left - size


def recorded_facts(
    decisions: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Read which facts a record's decisions were made on: kind and value, each once."""
    for decision in decisions:
        facts = decision.get("facts") or {}
        if "value" in facts:
            yield str(facts["kind"]), facts["value"]
