"""The mark on a stopped compute instance: when it may be deleted, and for which stop. Pure.

Whoever starts the instance makes the mark void: a mark names the moment of the stop that
it was made for. Taking the tag away, or setting ``nightshift: off``, does so too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.core.moments import read_moment, write_moment

DELETE_TAG = "nightshift-delete-after"
_OF = " stopped "


@dataclass(frozen=True, slots=True)
class Mark:
    """What a tag says.

    Attributes:
        due: From when on it may be deleted.
        stopped_at: The stop that it holds for.
    """

    due: datetime
    stopped_at: datetime


def write_mark(mark: Mark) -> str:
    """Write a mark as a tag's value."""
    return f"{write_moment(mark.due)}{_OF}{write_moment(mark.stopped_at)}"


def read_mark(tags: Mapping[str, str]) -> Mark | None:
    """Read a mark; None if there is none, or somebody wrote something else."""
    text = next((v for k, v in tags.items() if k.casefold() == DELETE_TAG), "")
    due, _, stopped = text.partition(_OF)
    try:
        first, second = read_moment(due), read_moment(stopped)
    except ValueError:
        return None
    return Mark(first, second) if first and second else None
