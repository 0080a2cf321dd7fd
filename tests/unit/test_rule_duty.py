"""Looks go on beside the work: nothing waits for one, and none ends the looking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from shared import bootstrap, rule_duty
from shared.adapters.storage import Storage
from shared.core.errors import Misconfigured, ProviderUnavailable
from shared.core.settings import Settings
from shared.engine.night import Night
from shared.rule_duty import RuleDuty
from shared.rules.book import RuleBook
from shared.rules.trials import Trial
from tests import builders as make
from tests.fakes.rule_source import FakeRules
from tests.shift import Shift

AWAY = ProviderUnavailable("no storage", after=timedelta(seconds=1))
ACCOUNT = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;"
SETTINGS = Settings(
    storage=ACCOUNT, rules_container="night-rules", rules_poll=timedelta(seconds=0)
)
PACKAGE = {
    "rules/a.yaml": "rules:\n  - name: one\n    on: vm.degraded\n"
    "    remediate: snapshot_and_redeploy\n    mode: observe\n"
}
OFF = "rules:\n  - name: one\n    mode: off\n"


@dataclass
class Process:
    """One process of the app, over a container in memory.

    Attributes:
        blocked: While not set, a listing takes as long as it likes.
    """

    settings: Settings = SETTINGS
    hooks: dict[str, BaseException] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = FakeRules(trap=self.trap)
        self.night: Night = Shift.begin().night
        self.duty = RuleDuty(
            self.settings,
            [PACKAGE],
            make.REMEDIATIONS,
            self.swap,
            opened=lambda _s, _n: self.files,
        )

    def trap(self, where: str) -> None:
        if where in self.hooks:
            raise self.hooks[where]

    def swap(self, book: RuleBook, trial: Trial | None = None) -> Night:
        self.night = replace(self.night, rules=book, trial=trial)
        return self.night

    def begin(self) -> None:
        self.swap(self.duty.begin(Storage(self.settings, lambda: pytest.fail("no identity"))))

    def mode(self) -> str:
        [rule] = self.night.rules.rules
        return rule.mode.value

    async def looked(self) -> None:
        """Let the look that was begun end."""
        assert self.duty._task is not None
        await self.duty._task


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process that has not begun; what is untold is told at the next chance."""
    monkeypatch.setattr(rule_duty, "REST_S", 0.0)
    return Process()


async def test_the_first_rules_are_there_before_the_first_decision(process: Process):
    """Also where the caller stands on a running loop, as a function does."""
    process.files.upload("a.yaml", OFF)
    process.begin()
    assert "off" == process.mode()


async def test_a_new_version_is_in_force_after_a_look_and_no_plan_in_hand_sees_it(
    process: Process,
):
    """One assignment: whoever took the engine before has the rules of before."""
    process.begin()
    before = process.night
    process.files.upload("a.yaml", OFF)
    process.duty.nudge(process.night)
    assert "observe" == process.mode()
    await process.looked()
    assert "off" == process.mode()
    assert "observe" == before.rules.rules[0].mode.value


async def test_of_many_invocations_one_looks(process: Process):
    """A storm of events must not list the container a thousand times."""
    process.begin()
    before = process.files.uploads
    listings: list[str] = []
    process.files.trap = listings.append
    for _ in range(100):
        process.duty.nudge(process.night)
    await process.looked()
    assert before == process.files.uploads
    assert 1 == listings.count("read listing")


async def test_nobody_looks_before_it_is_time():
    """The interval is the bound in both directions."""
    process = Process(replace(SETTINGS, rules_poll=timedelta(hours=1)))
    process.begin()
    process.duty.watch.news.clear()
    process.duty.nudge(process.night)
    assert process.duty._task is None


async def test_it_goes_on_looking_while_no_event_comes(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    """The event after a quiet hour must not meet the rules of an hour ago."""
    monkeypatch.setattr(rule_duty, "TICK_S", 0.01)
    process.begin()
    process.duty.nudge(process.night)
    await process.looked()
    process.files.upload("a.yaml", OFF)
    limit = time.monotonic() + 5
    while process.mode() != "off":
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [AWAY, RuntimeError("a defect")])
async def test_a_look_that_fails_is_logged_and_the_next_one_comes(
    process: Process, caplog: pytest.LogCaptureFixture, error: Exception
):
    """Nobody awaits the task: an error in it would be seen by nobody."""
    process.begin()
    process.files.upload("a.yaml", OFF)
    process.hooks["read listing"] = error
    process.duty.nudge(process.night)
    await process.looked()
    assert "observe" == process.mode()
    assert str(error) in caplog.text
    process.hooks.clear()
    process.duty.nudge(process.night)
    await process.looked()
    assert "off" == process.mode()


def test_a_look_that_the_loops_end_cut_short_is_made_up_for(
    process: Process, caplog: pytest.LogCaptureFixture
):
    """A process may be told to stop at any moment, and may go on all the same."""
    process.begin()
    process.files.upload("a.yaml", OFF)

    async def cut_short() -> None:
        process.duty.nudge(process.night)
        await asyncio.sleep(0)

    asyncio.run(cut_short())
    assert "observe" == process.mode()
    assert "look=cut_short" in caplog.text

    async def whole() -> None:
        process.duty.nudge(process.night)
        await process.looked()

    asyncio.run(whole())
    assert "off" == process.mode()


async def test_what_the_first_look_found_is_told_by_the_first_invocation(process: Process):
    """The first look has no ledger of its own; nothing is forgotten over that."""
    process.files.upload("a.yaml", OFF)
    process.begin()
    version = process.duty.watch.in_force
    process.duty.nudge(process.night)
    await process.looked()
    told = await process.night.ports.ledger.find_event(f"rules-{version}")
    assert ["rules.loaded"] == [one.signal["type"] for one in told]
    assert process.files.good is not None
    assert version == process.files.good.id


async def test_a_broken_version_is_logged_once_with_its_place(
    process: Process, caplog: pytest.LogCaptureFixture
):
    """However often it is looked at."""
    process.begin()
    process.files.upload("a.yaml", "rules:\n  - name: one\n    mode: of\n")
    for _ in range(3):
        process.duty.nudge(process.night)
        await process.looked()
    lines = [m for m in caplog.messages if "blob:night-rules/a.yaml:3:11: " in m]
    assert 1 == len(lines)
    assert process.duty.watch.refused is not None
    assert lines[0].startswith(f"rules refused={process.duty.watch.refused.version} ")


async def test_a_text_that_breaks_the_loader_is_refused_like_any_other(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    """A defect of ours in reading rules must not take the rules in force away."""
    process.begin()

    def defect(*_: Any) -> RuleBook:
        raise RecursionError("too deep")

    monkeypatch.setattr(rule_duty, "load_rules", defect)
    process.files.upload("a.yaml", OFF)
    process.duty.nudge(process.night)
    await process.looked()
    assert "observe" == process.mode()
    assert process.duty.watch.refused is not None
    [problem] = process.duty.watch.refused.problems
    assert "RecursionError: too deep" in problem.message


async def test_a_start_that_can_read_nothing_is_tried_again_and_not_by_everybody(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    """Each try blocks the process: in an outage not every event may pay for one."""
    monkeypatch.setattr(rule_duty, "REST_S", 60.0)
    process.hooks = {"read listing": AWAY, "read last good": AWAY}
    with pytest.raises(ProviderUnavailable):
        process.begin()
    process.hooks.clear()
    with pytest.raises(ProviderUnavailable):
        process.begin()
    monkeypatch.setattr(rule_duty, "REST_S", 0.0)
    process.begin()
    assert "observe" == process.mode()


@pytest.fixture
def nothing_built() -> Iterator[None]:
    """A process without an engine, before and after."""
    bootstrap._built.clear()
    bootstrap._duties.clear()
    yield
    bootstrap._built.clear()
    bootstrap._duties.clear()


@pytest.fixture
def configured(nothing_built: None, azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of an app that takes rules from a container, on the emulator."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    monkeypatch.setenv("NIGHTSHIFT_RULES_CONTAINER", "no-such-container")


async def test_a_container_that_is_not_there_leaves_the_package_alone(configured: None):
    """Degraded, said so, and never a process that does not start."""
    first = bootstrap.night()
    assert first.rules.rules
    watch = bootstrap.rule_watch()
    assert watch is not None
    assert watch.is_degraded
    assert first is bootstrap.night()
    await bootstrap._duties["rules"]._task
    await bootstrap._duties["rules"]._storage.close()


def test_without_the_setting_nothing_of_it_is_there(
    nothing_built: None, azurite: str, monkeypatch: pytest.MonkeyPatch
):
    """No container, no cost."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    assert bootstrap.night().rules.rules
    assert bootstrap.rule_watch() is None
    assert {} == bootstrap._duties


@pytest.mark.parametrize(
    ("name", "words"),
    [("Rules", "lower-case"), ("a--b", "single hyphens"), ("nightshift-records", "own")],
)
def test_a_container_of_a_wrong_name_stops_the_start_and_says_why(
    configured: None, monkeypatch: pytest.MonkeyPatch, name: str, words: str
):
    """Before anything is asked of storage."""
    monkeypatch.setenv("NIGHTSHIFT_RULES_CONTAINER", name)
    with pytest.raises(Misconfigured, match=words):
        bootstrap.night()
