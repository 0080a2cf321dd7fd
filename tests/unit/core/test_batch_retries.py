"""Retry policy of failed Batch tasks: class by exit code, then category; budget; backoff."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.batch_retries import allowed, check, due, read_codes
from shared.core.facts import FailedTask
from shared.remediations.reactivate_failed_tasks import Settings
from tests.builders import MINUTE, NOW

TASK = FailedTask("frames", "frame-7", 1, "usererror", NOW)
SETTINGS = Settings(
    retries=2,
    system_retries=4,
    transient_codes=("137", "-1073741510..-1073741500"),
    transient_retries=6,
    lasting_codes=("64..78",),
    backoff=MINUTE,
    longest_backoff=5 * MINUTE,
)
POLICY = SETTINGS.policy


@pytest.mark.parametrize(
    ("code", "category", "times"),
    [
        (1, "usererror", 2),
        (1, "UserError", 2),
        (None, "usererror", 2),
        (None, "", 2),
        (None, "ServerError", 4),
        (1, "servererror", 4),
        (137, "usererror", 6),
        (137, "servererror", 6),
        (-1073741501, "usererror", 6),
        (64, "usererror", 0),
        (78, "servererror", 0),
        (79, "usererror", 2),
    ],
)
def test_the_exit_code_says_the_class_before_the_category(
    code: int | None, category: str, times: int
):
    """A program knows better than Batch why it ended; without a class Batch is asked."""
    task = replace(TASK, exit_code=code, category=category)
    assert times == allowed(task, POLICY)


@pytest.mark.parametrize(
    ("spent", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 5), (4, 5), (4000, 5)]
)
def test_each_time_is_waited_twice_as_long_up_to_a_limit(spent: int, minutes: int):
    """What fails again at once had too little time to mend; nobody waits for years."""
    task = replace(TASK, reactivations_spent=spent)
    assert NOW + minutes * MINUTE == due(task, POLICY, NOW + timedelta(days=1))


def test_what_ended_nobody_knows_when_waits_from_now_on():
    """Its failure may be of a moment ago."""
    later = NOW + timedelta(hours=3)
    assert later + MINUTE == due(replace(TASK, ended_at=None), POLICY, later)


@pytest.mark.parametrize("word", ["", "x", "1-5", "9..3", "0", "-3..3", "1..", "99999999999"])
def test_a_code_that_is_none_is_refused(word: str):
    """A class that nothing is in would be a policy in name only; 0 is no failure."""
    with pytest.raises(ValueError, match=r"exit code|write the lower|success"):
        read_codes((word,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"retries": 0},
        {"retries": 0, "system_retries": 0},
        {"retries": -1},
        {"transient_retries": -1},
        {"transient_codes": ("130..140",), "lasting_codes": ("137",)},
        {"lasting_codes": ("one",)},
        {"backoff": 2 * timedelta(hours=1)},
        {"longest_backoff": timedelta(days=2)},
    ],
)
def test_a_policy_that_is_none_or_says_two_things_is_refused(wrong: dict[str, object]):
    """The rule file is refused at once, rather than at the first failure of a night."""
    with pytest.raises(ValueError, match=r"."):
        Settings(**wrong)


def test_one_class_alone_may_have_a_budget():
    """Only what the system broke runs again: a person sees all else."""
    only = Settings(retries=0, system_retries=3).policy
    check(only)
    assert (0, 3) == (
        allowed(TASK, only),
        allowed(replace(TASK, category="servererror"), only),
    )
