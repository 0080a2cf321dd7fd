"""Whether what an identity was granted covers an operation, as Azure reckons it. Pure.

One grant is one role that holds at a scope: what it names, less what it excludes. Grants
add up, so an exclusion in one role takes nothing from another. Deny assignments are not
part of what the service lists, and not seen here.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
(``NotActions`` are subtracted from the same role's ``Actions``, wildcards, case)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role lets an identity do at a scope."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


class Standing(StrEnum):
    """How an operation stands with an identity."""

    GRANTED = "granted"
    EXCLUDED = "excluded"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Judged:
    """How one operation stands, and the exclusion that takes it away, if one does."""

    standing: Standing
    by: str = ""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in pattern.casefold().split("*"))
    return re.compile(".*".join(parts))


def covers(pattern: str, operation: str) -> bool:
    """Tell whether a pattern of a role names an operation; ``*`` stands for anything."""
    return _compiled(pattern).fullmatch(operation.casefold()) is not None


def judge(operation: str, grants: Iterable[Grant], *, is_data: bool) -> Judged:
    """Tell whether an identity with these grants may do an operation."""
    excluded = ""
    for one in grants:
        named = one.data_actions if is_data else one.actions
        taken = one.not_data_actions if is_data else one.not_actions
        if not any(covers(pattern, operation) for pattern in named):
            continue
        by = next((pattern for pattern in taken if covers(pattern, operation)), "")
        if not by:
            return Judged(Standing.GRANTED)
        excluded = excluded or by
    return Judged(Standing.EXCLUDED, excluded) if excluded else Judged(Standing.MISSING)
