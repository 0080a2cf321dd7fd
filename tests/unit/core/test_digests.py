"""What becomes one message, and what a digest of many says."""

from __future__ import annotations

import random

from shared.core import notices
from shared.core.digests import ALONE, SHOWN, digest, group, message_id
from shared.core.plans import PlanOutcome
from tests.notices import EVERYWHERE, a_plan_of, a_story, an_approval, ended


def news(count: int):
    """Make what is told of so many plans, beginnings and ends."""
    return [one for number in range(count) for one in a_story(number)]


def questions(count: int):
    """Make so many questions."""
    return [notices.asked(an_approval(number)) for number in range(count)]


def test_few_notices_are_a_message_each():
    """One thing that happened is best told by itself."""
    few = news(2)[:ALONE]
    assert [(one,) for one in few] == list(group(few))
    assert () == group([])


def test_many_notices_are_one_message():
    """Two thousand of them, too."""
    many = news(1000)
    [one] = group(many)
    assert many == list(one)


def test_a_storm_does_not_hide_a_question():
    """The question stays a message of its own, with its buttons, and comes first."""
    [question] = questions(1)
    first, storm = group([*news(500), question])
    assert (question,) == first
    assert 1000 == len(storm)


def test_a_storm_of_questions_is_one_message_too():
    """Each of the first ten keeps its link; the rest is behind the list's address."""
    [one] = group(questions(1000))
    summary = digest(one)
    assert "1,000 questions to answer, about 1,000 plans" == summary.title
    assert SHOWN == len(summary.shown)
    assert "and 990 more: GET /api/approvals" == summary.rest


def test_a_digest_counts_everything_by_kind_and_rule():
    """The counts are of all, not of what is shown."""
    summary = digest([*news(997), *a_story(1000, "cordon-first")])
    assert "1,996 things happened, about 998 plans" == summary.title
    wanted = ["997 begun: drain-spot", "997 ended: drain-spot"]
    assert [*wanted, "1 begun: cordon-first", "1 ended: cordon-first"] == sorted(
        summary.counts, key=lambda text: (-int(text.split()[0]), text)
    )
    assert "and 1,986 more: GET /api/plans" == summary.rest


def test_what_went_wrong_is_counted_and_shown_first():
    """Twelve failures among a thousand must not be on page forty."""
    bad = [
        notices.closed(ended(a_plan_of(n), PlanOutcome.FAILED), EVERYWHERE)
        for n in range(2000, 2012)
    ]
    mixed = [*news(500), *bad]
    random.Random(1).shuffle(mixed)
    summary = digest(mixed)
    assert "512 ended, 12 of them badly: drain-spot" == summary.counts[0]
    assert {one.id for one in summary.shown} < {one.id for one in bad}


def test_a_digest_does_not_depend_on_the_order_of_arrival():
    """Sent again after a crash it reads the same and bears the same name."""
    many = news(40)
    mixed = list(many)
    random.Random(2).shuffle(mixed)
    assert digest(many).shown == digest(mixed).shown
    assert message_id(many) == message_id(mixed)
    assert message_id(many) != message_id(many[:-1])


def test_of_very_many_rules_the_first_are_counted():
    """A digest stays a message, however many rules there are."""
    many = [one for n in range(60) for one in a_story(n, f"rule-{n}")]
    counts = digest(many).counts
    assert SHOWN + 1 == len(counts)
    assert "and 110 more rules" == counts[-1]


def test_a_digest_of_few_says_nothing_of_more():
    """Nothing is left out, so nothing is said of it."""
    assert "" == digest(news(3)).rest
