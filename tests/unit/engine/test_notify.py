"""What is told arrives: once, grouped, through outages, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.core.errors import (
    AutomationError,
    InvalidTarget,
    ProviderUnavailable,
    Throttled,
    TooLarge,
)
from shared.core.notices import Notice, NoticeKind, asked
from shared.core.pauses import Scope
from shared.core.terms import Channel
from shared.engine.night import Night
from shared.engine.notify import HOPELESS, Delivered, deliver, unconfigured
from shared.rules.book import RuleBook
from tests.builders import HOUR, MINUTE, NOW, SECOND, a_rule
from tests.fakes.ledger import Crash
from tests.fakes.notices import FakeMessenger
from tests.notices import a_story, an_approval
from tests.shift import World, a_night, a_world

TICK = 15 * SECOND
TEAMS, SLACK, WEBHOOK = Channel


@dataclass
class Office:
    """An engine with channels, ticking; ``die_at`` ends the process at a trap point."""

    die_at: int = 0
    passed: list[str] = field(default_factory=list)
    channels: tuple[Channel, ...] = (TEAMS,)

    def __post_init__(self) -> None:
        """Open it with nothing to tell."""
        self.world: World = a_world(NOW, self.pass_by)
        self.messengers = [FakeMessenger(channel, self.pass_by) for channel in self.channels]
        night = a_night(self.world)
        ports = replace(night.ports, messengers=tuple(self.messengers))
        self.night: Night = replace(night, ports=ports)

    def pass_by(self, where: str) -> None:
        """Stand at one point; die if it is the one to die at."""
        if where.startswith("read "):
            return
        self.passed.append(where)
        if len(self.passed) == self.die_at:
            raise Crash(where)

    @property
    def teams(self) -> FakeMessenger:
        """The first channel."""
        return self.messengers[0]

    def post(self, notices: Sequence[Notice]) -> None:
        """Post notices, as the engine does."""

        async def every() -> None:
            for one in notices:
                await self.night.ports.notices.post(one)

        asyncio.run(every())

    def tick(self) -> Delivered:
        """Let the timer fire, and its time pass."""
        try:
            return asyncio.run(deliver(self.night))
        finally:
            self.world.clock.move(TICK)

    def tick_until_quiet(self, *, limit: timedelta = 6 * HOUR) -> int:
        """Let the timer fire until nothing waits; return how often."""
        until, ticks = self.world.clock.now() + limit, 0
        while any(self.world.notices.waiting.get(c) for c in self.channels):
            assert self.world.clock.now() < until, "something waits"
            self.tick()
            ticks += 1
        return ticks


def news(count: int, first: int = 0) -> list[Notice]:
    """Make what is told of so many plans."""
    return [one for n in range(first, first + count) for one in a_story(n)]


def test_nothing_to_tell_is_no_message():
    """A tick every fifteen seconds must not cost a call to anybody."""
    office = Office()
    assert Delivered() == office.tick()
    assert 0 == office.teams.calls
    assert Delivered() == asyncio.run(deliver(a_night(office.world)))


def test_a_beginning_and_an_end_are_two_messages_and_each_goes_once():
    """Before and after, in this order."""
    office = Office()
    before, after = a_story(1)
    office.post([before, after])
    assert Delivered(sent=2, messages=2) == office.tick()
    assert [(before,), (after,)] == office.teams.messages
    office.post([before, after])
    assert Delivered() == office.tick()


def test_a_storm_of_a_thousand_plans_is_a_handful_of_messages():
    """Two thousand notices, and not one of them lost or told twice."""
    office = Office()
    storm = news(1000)
    office.post(storm)
    office.tick_until_quiet()
    assert len(office.teams.messages) <= 10
    assert sorted(one.id for one in storm) == sorted(office.teams.told)


def test_a_storm_that_comes_by_and_by_is_a_handful_too():
    """A thousand plans in ten minutes, and a question in the middle that is not held up."""
    office = Office()
    question = asked(an_approval())
    waited = timedelta(0)
    for n in range(40):
        office.post(news(25, first=25 * n))
        if n == 20:
            office.post([question])
        office.tick()
        if n >= 20 and (question,) not in office.teams.messages:
            waited += TICK
    office.tick_until_quiet()
    assert waited <= MINUTE
    assert len(office.teams.messages) <= 10
    assert 2001 == len(set(office.teams.told)) == len(office.teams.told)


def test_a_channel_that_is_away_for_hours_loses_nothing():
    """It is asked ever more seldom, and gets one digest when it is back."""
    office = Office()
    office.teams.down = ProviderUnavailable("posting to hooks: 503", after=SECOND)
    for n in range(3 * 240):  # three hours
        if n % 10 == 0:
            office.post(news(1, first=n))
        office.tick()
    assert office.teams.calls <= 3 * 6 + 10
    told = office.tick()
    assert 0 == told.sent
    office.teams.down = None
    office.tick_until_quiet()
    assert 1 == len(office.teams.messages)
    assert 144 == len(set(office.teams.told)) == len(office.teams.told)


def test_a_channel_that_asks_for_patience_gets_it():
    """``Retry-After`` is obeyed, also where it is longer than our own rest."""
    office = Office()
    office.post(news(1))
    office.teams.down = Throttled("posting to hooks: 429", after=7 * MINUTE)
    told = office.tick()
    assert "Throttled: posting to hooks: 429" == told.failed[TEAMS]
    assert 2 == told.waiting
    assert 1 == office.teams.calls, "the second message would be refused too"
    office.teams.down = None
    while office.world.clock.now() < NOW + 7 * MINUTE:
        office.tick()
    assert 1 == office.teams.calls
    office.tick()
    assert 2 == len(office.teams.messages)


def test_a_channel_that_is_away_holds_up_no_other():
    """Slack's outage is Slack's."""
    office = Office(channels=(TEAMS, SLACK))
    office.post(news(1))
    office.messengers[1].down = ProviderUnavailable("posting to hooks: 503", after=SECOND)
    told = office.tick()
    assert [SLACK] == list(told.failed)
    assert (2, 2) == (told.sent, told.waiting)


@pytest.mark.parametrize("error", [InvalidTarget("400: invalid_blocks"), TooLarge("413")])
def test_a_message_that_is_refused_while_others_are_taken_is_kept_aside(error):
    """Poison blocks nobody, and a person can read what was wrong with it."""
    office = Office()
    bad, good = a_story(1)
    office.teams.refuses = lambda message: error if bad in message else None
    office.post([bad, good])
    told = office.tick()
    assert (1, 1, 0) == (told.sent, told.kept_aside, told.waiting)
    assert {} == told.failed
    [document] = office.world.records.kept.values()
    assert str(error) in document
    assert bad.id in document
    assert Delivered() == office.tick()


def test_a_channel_that_refuses_everything_is_in_trouble_and_keeps_its_notices():
    """A flow that was switched off answers 400, too: nothing of that is the notices' fault."""
    office = Office()
    office.post(news(1))
    office.teams.down = InvalidTarget("400: WorkflowTriggerIsNotEnabled")
    for _ in range(100):
        told = office.tick()
    assert {} == office.world.records.kept
    assert 0 == told.kept_aside
    office.teams.down = None
    office.tick_until_quiet()
    assert 2 == len(office.teams.told)


def test_a_lone_message_that_is_refused_for_a_day_is_kept_aside():
    """Nobody will ever take it; it must not be tried for ever."""
    office = Office()
    office.post(news(1)[:1])
    office.teams.down = InvalidTarget("400: invalid_blocks")
    office.tick()
    office.world.clock.move(HOPELESS)
    assert 1 == office.tick().kept_aside
    assert 1 == len(office.world.records.kept)
    office.teams.down = None
    assert Delivered() == office.tick()


def test_a_question_goes_before_the_news():
    """A person may be able to answer it while the rest is still being sent."""
    office = Office()
    question = asked(an_approval())
    office.post([*news(300), question])
    office.tick()
    assert (question,) == office.teams.messages[0]
    assert 2 == len(office.teams.messages)


def test_of_two_ticks_at_once_one_sends():
    """The host's timer may overlap; people would read everything twice."""
    office = Office()
    office.post(news(1))

    async def both() -> None:
        await asyncio.gather(deliver(office.night), deliver(office.night))

    asyncio.run(both())
    assert 2 == len(office.teams.told)


def test_the_outbox_being_away_is_said_and_stops_no_tick():
    """The next tick comes in fifteen seconds."""
    office = Office()
    office.post(news(1))
    office.world.notices.trap = _raising(ProviderUnavailable("reading", after=SECOND))
    told = office.tick()
    assert "ProviderUnavailable: reading" == told.failed[TEAMS]


def _raising(error: AutomationError):
    def trap(where: str) -> None:
        raise error

    return trap


def _a_run(die_at: int) -> Office:
    """Tell a story through a process that may die once; then on until all is told."""
    office = Office(channels=(TEAMS, SLACK), die_at=die_at)
    for work in (lambda: office.post(news(1)), office.tick):
        try:
            work()
        except Crash:
            office.post(news(1))  # the redelivery
            office.world.clock.move(MINUTE)
    office.tick_until_quiet(limit=HOUR)
    return office


def test_whatever_dies_at_whatever_point_nothing_is_lost():
    """Twice is possible, where it died between a channel's yes and its own note."""
    whole = _a_run(die_at=0)
    assert len(whole.passed) > 20
    wanted = {one.id for one in news(1)}
    for point in range(1, len(whole.passed) + 1):
        office = _a_run(die_at=point)
        for messenger in office.messengers:
            assert wanted == set(messenger.told), office.passed[point - 1]
            assert len(messenger.told) <= len(wanted) + 1, office.passed[point - 1]


def test_a_rule_that_tells_a_channel_nobody_set_up_is_named():
    """It would be silent, and nobody would know why."""
    override = replace(a_rule(name="b"), notify=(WEBHOOK,))
    rules = RuleBook(
        (
            replace(a_rule(name="a"), notify=(TEAMS, SLACK)),
            replace(a_rule(name="b"), overrides=((Scope.parse("global"), override),)),
            replace(a_rule(name="c"), notify=(SLACK,)),
        )
    )
    assert [] == unconfigured(rules, list(Channel))
    slack, webhook = unconfigured(rules, [TEAMS])
    assert "slack is not configured" in slack
    assert slack.endswith("by: a, c")
    assert webhook.endswith("by: b")


def test_every_kind_of_urgent_notice_is_one_a_person_can_do_something_about():
    """What is urgent goes first; if all were, none would be."""
    urgent = {kind for kind in NoticeKind if kind.is_urgent}
    assert {NoticeKind.ASKED, NoticeKind.TOLD, NoticeKind.TRIPPED} == urgent
