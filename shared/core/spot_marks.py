"""What a spot machine was before it came back as something else: a tag on the machine.

Written with the change itself, so that there is no change without it, and read by
whoever would turn the machine back. It is text that anybody who may tag can write: what
does not fit exactly is no mark. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.core.wire import read_moment, write_moment

TAG = "nightshift-was-spot"
SPOT, REGULAR = "spot", "regular"
DEALLOCATE = "Deallocate"
NO_LIMIT = -1.0
"""A price at which a machine is never evicted for its price.

Source: https://learn.microsoft.com/azure/virtual-machines/spot-vms (max price ``-1``)
"""
_MARK = re.compile(
    r"(?P<how>on_demand|other_size);(?P<size>[A-Za-z0-9_-]{1,64});"
    r"(?P<eviction>Deallocate|Delete);(?P<price>-1|[0-9]{1,6}(?:\.[0-9]{1,5})?);"
    r"(?P<since>[0-9T:.Z+-]{16,40})"
)


@dataclass(frozen=True, slots=True)
class SpotMark:
    """What it was.

    Attributes:
        how: What it is now: ``on_demand``, no longer spot, or ``other_size``.
        size: Its size then.
        eviction: Its eviction policy then.
        max_price: What it might cost an hour then, in USD; -1 for no limit.
        since: When it was changed first.
    """

    how: str
    size: str
    eviction: str
    max_price: float
    since: datetime


def read_mark(tags: Mapping[str, str]) -> SpotMark | None:
    """Read the mark among a machine's tags; None if there is none.

    Raises:
        ValueError: There is one, and it cannot be read.
    """
    text = next((v for k, v in tags.items() if k.casefold() == TAG), None)
    if text is None:
        return None
    found = _MARK.fullmatch(text.strip())
    since = read_moment(found["since"]) if found else None
    if found is None or since is None or since.tzinfo is None:
        raise ValueError(f"the tag {TAG} is none of ours: it cannot be read")
    price = float(found["price"])
    return SpotMark(found["how"], found["size"], found["eviction"], price, since)


def write_mark(mark: SpotMark) -> str:
    """Write a mark as a tag's value."""
    price = f"{mark.max_price:.5f}".rstrip("0").rstrip(".")
    since = write_moment(mark.since)
    return f"{mark.how};{mark.size};{mark.eviction};{price};{since}"


def tags_after(
    tags: Mapping[str, str], was: SpotMark, *, size: str, priority: str, is_spot: bool
) -> dict[str, str]:
    """Write the tags of a machine that becomes another size and priority.

    Args:
        was: What it is before the change; counts only if it bears no mark yet.
        is_spot: Whether it is a spot machine before the change.
    """
    try:
        mark = read_mark(tags)
    except ValueError:
        mark = None
    others = {k: v for k, v in tags.items() if k.casefold() != TAG}
    if mark is None and not is_spot:
        return others
    first = mark or was
    if priority != REGULAR and size.casefold() == first.size.casefold():
        return others
    how = "on_demand" if priority == REGULAR else "other_size"
    return {**others, TAG: write_mark(replace(first, how=how))}
