"""Which failed Batch tasks run again, how often, and when: by exit code and category. Pure.

A code of the lasting class never runs again, one of the transient class has a budget of its
own; what is in neither goes by Batch's category. The last failure of a task says its class;
what was spent on it before counts whatever class it was of.

Source: https://learn.microsoft.com/rest/api/batchservice/tasks/get (ErrorCategory:
``UserError``, ``ServerError``), https://learn.microsoft.com/azure/batch/error-handling
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.facts import FailedTask

SERVER_ERROR = "servererror"
LONGEST = timedelta(days=1)
LOWEST, HIGHEST = -(2**31), 2**32 - 1
_CODES = re.compile(r"(-?\d{1,10})(?:\.\.(-?\d{1,10}))?")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a rule says of running again.

    Attributes:
        retries: Of a task whose failure is in no other class.
        system: Of one that failed by no fault of its own.
        transient: Of one with an exit code of the transient class.
        backoff: How long the first is waited with; each next one twice as long.
    """

    retries: int
    system: int
    transient: int
    transient_codes: tuple[str, ...]
    lasting_codes: tuple[str, ...]
    backoff: timedelta
    longest_backoff: timedelta


def read_codes(words: tuple[str, ...]) -> tuple[range, ...]:
    """Read exit codes: ``137``, or ``128..159`` with both ends.

    Raises:
        ValueError: One is neither.
    """
    return tuple(_read(word) for word in words)


def _read(word: str) -> range:
    found = _CODES.fullmatch(word.strip())
    if found is None:
        raise ValueError(f"{word!r} is no exit code: write '137' or '128..159'")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if not LOWEST <= first <= last <= HIGHEST:
        raise ValueError(f"{word!r} is no range of exit codes: write the lower one first")
    if 0 in range(first, last + 1):
        raise ValueError(f"{word!r} has 0 in it, which is success")
    return range(first, last + 1)


def check(policy: Policy) -> None:
    """Refuse what is no policy, or says two things of one code.

    Raises:
        ValueError: Saying which.
    """
    if min(policy.retries, policy.system, policy.transient) < 0:
        raise ValueError("retries are 0 or more")
    if not max(policy.retries, policy.system, policy.transient):
        raise ValueError("retries must be at least 1; to reactivate nothing, use mode: off")
    lasting = read_codes(policy.lasting_codes)
    for one in read_codes(policy.transient_codes):
        if any(one.start < other.stop and other.start < one.stop for other in lasting):
            raise ValueError(
                f"{one.start}..{one.stop - 1} is in transient_codes and in lasting_codes"
            )
    if not policy.backoff <= policy.longest_backoff <= LONGEST:
        raise ValueError("write backoff <= longest_backoff <= 1d")


def allowed(task: FailedTask, policy: Policy) -> int:
    """Return how often a task that failed so may be reactivated, ever."""
    code = task.exit_code
    if code is not None:
        if any(code in one for one in read_codes(policy.lasting_codes)):
            return 0
        if any(code in one for one in read_codes(policy.transient_codes)):
            return policy.transient
    return policy.system if task.category.casefold() == SERVER_ERROR else policy.retries


def due(task: FailedTask, policy: Policy, now: datetime) -> datetime:
    """Return from when on it may run again: twice as long after each that was spent."""
    times: int = 2 ** min(task.reactivations_spent, 16)
    wait = policy.longest_backoff
    wait = min(wait, policy.backoff * times)
    return (task.ended_at or now) + wait
