"""The newest version that loads is in force; one that does not is refused and says why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable
from shared.engine.rule_versions import MOST_BYTES, MOST_FILES
from shared.engine.rule_watch import RuleWatch
from shared.ports.rule_source import GoodVersion
from shared.rules.book import RuleBook
from shared.rules.problems import RuleProblem, RulesRefused
from tests import builders as make
from tests.builders import NOW
from tests.fakes.rule_source import FakeRules

LATER = NOW + timedelta(minutes=1)
AWAY = ProviderUnavailable("listing rules: 503", after=timedelta(seconds=1))


def load(texts) -> RuleBook:
    """Load as the loader does: a rule named after each file's text, unless it is broken."""
    wrong = [file for file, text in texts.items() if "broken" in text]
    if wrong:
        raise RulesRefused(
            [RuleProblem(file, 3, 5, "it is broken", "mend it") for file in wrong]
        )
    rule = make.a_rule()
    named = [replace(rule, name=f"{file}={text}") for file, text in texts.items()]
    return RuleBook((replace(rule, name="package"), *named))


def names(book: RuleBook | None) -> list[str] | None:
    """Name the rules of a book."""
    return None if book is None else [rule.name for rule in book.rules]


class Story:
    """A process that looks, and a person who uploads."""

    def __init__(self) -> None:
        self.hooks: dict[str, BaseException] = {}
        self.files = FakeRules(trap=self.trap)
        self.watch = RuleWatch("night-rules", load)

    def trap(self, where: str) -> None:
        if where in self.hooks:
            raise self.hooks[where]

    def begin(self) -> list[str] | None:
        return names(asyncio.run(self.watch.begin(self.files, NOW)))

    def look(self, at=LATER) -> list[str] | None:
        return names(asyncio.run(self.watch.look(self.files, at)))

    def restarted(self) -> None:
        """Begin another process beside the same container."""
        for news in self.watch.news:
            if news.good is not None:
                asyncio.run(self.files.keep(news.good))
        self.watch = RuleWatch("night-rules", load)


@pytest.fixture
def story() -> Story:
    """Nothing uploaded yet."""
    return Story()


def test_the_containers_rules_are_in_force_from_the_first_decision_on(story: Story):
    """A cold instance must not decide by the package alone what a person changed."""
    story.files.upload("b.yaml", "2")
    story.files.upload("a.yaml", "1")
    story.files.upload("readme.txt", "no rules")
    wanted = ["package", "blob:night-rules/a.yaml=1", "blob:night-rules/b.yaml=2"]
    assert wanted == story.begin()
    assert not story.watch.is_degraded


def test_nothing_changed_reads_nothing(story: Story):
    """A look is one call, however many files there are."""
    story.files.upload("a.yaml", "1")
    story.begin()
    before = list(story.files.reads)
    assert story.look() is None
    assert before == story.files.reads


def test_only_what_changed_is_read(story: Story):
    """Two hundred files are not read again because of one."""
    story.files.upload("a.yaml", "1")
    story.files.upload("b.yaml", "2")
    story.begin()
    story.files.upload("b.yaml", "3")
    wanted = ["package", "blob:night-rules/a.yaml=1", "blob:night-rules/b.yaml=3"]
    assert wanted == story.look()
    assert ["a.yaml", "b.yaml", "b.yaml"] == story.files.reads


def test_a_deleted_file_takes_its_rules_with_it(story: Story):
    """What is not there any more is not in force any more."""
    story.files.upload("a.yaml", "1")
    story.begin()
    story.files.delete("a.yaml")
    assert ["package"] == story.look()


def test_a_broken_version_is_refused_once_and_the_old_one_stays(story: Story):
    """With every problem, and told once however often it is looked at."""
    story.files.upload("a.yaml", "1")
    story.begin()
    good = story.watch.in_force
    story.files.upload("a.yaml", "broken")
    assert story.look() is None
    assert story.look(LATER + timedelta(minutes=1)) is None
    assert good == story.watch.in_force
    assert story.watch.refused is not None
    assert LATER == story.watch.refused_at
    problem = RuleProblem("blob:night-rules/a.yaml", 3, 5, "it is broken", "mend it")
    assert (problem,) == story.watch.refused.problems
    assert [False, True] == [news.refused is not None for news in story.watch.news]
    assert story.watch.is_degraded


def test_a_corrected_version_is_taken(story: Story):
    """And nothing is refused any more."""
    story.files.upload("a.yaml", "broken")
    assert ["package"] == story.begin()
    story.files.upload("a.yaml", "2")
    assert ["package", "blob:night-rules/a.yaml=2"] == story.look()
    assert not story.watch.is_degraded
    assert story.watch.refused is None


def test_taking_the_broken_file_away_is_a_correction_too(story: Story):
    """The version before is in force already: nothing is loaded, nothing is refused."""
    story.files.upload("a.yaml", "1")
    story.begin()
    story.files.upload("b.yaml", "broken")
    story.look()
    story.files.delete("b.yaml")
    assert story.look() is None
    assert story.watch.refused is None
    assert not story.watch.is_degraded


def test_a_restart_beside_a_broken_container_takes_the_last_good_version(story: Story):
    """What a person switched off last night is off after the restart, too."""
    story.files.upload("a.yaml", "1")
    story.begin()
    story.files.upload("a.yaml", "broken")
    story.restarted()
    assert ["package", "blob:night-rules/a.yaml=1"] == story.begin()
    assert (True, True) == (story.watch.is_last_good, story.watch.is_degraded)
    assert story.watch.refused is not None
    story.files.upload("a.yaml", "2")
    assert ["package", "blob:night-rules/a.yaml=2"] == story.look()
    assert (False, False) == (story.watch.is_last_good, story.watch.is_degraded)


def test_a_last_good_version_that_this_package_refuses_is_left_out(story: Story):
    """It was good with the release before; the package alone stands then, and says so."""
    good = GoodVersion("v0", NOW, {"blob:night-rules/a.yaml": "broken by now"})
    story.files.good = good
    story.files.upload("a.yaml", "broken")
    assert ["package"] == story.begin()
    assert ("", True) == (story.watch.in_force, story.watch.is_degraded)


def test_a_container_that_is_away_leaves_the_rules_in_force(story: Story):
    """An outage of storage is nobody's change of rules."""
    story.files.upload("a.yaml", "1")
    story.begin()
    story.hooks["read listing"] = AWAY
    assert story.look() is None
    assert "listing rules: 503" == story.watch.unread
    assert (None, True) == (story.watch.refused, story.watch.is_degraded)
    assert 1 == len(story.watch.news)
    story.hooks.clear()
    assert story.look() is None
    assert not story.watch.is_degraded


def test_a_start_while_the_container_is_away_takes_the_last_good_version(story: Story):
    """As with a broken one."""
    story.files.upload("a.yaml", "1")
    story.begin()
    story.restarted()
    story.hooks["read listing"] = AWAY
    assert ["package", "blob:night-rules/a.yaml=1"] == story.begin()
    story.hooks.clear()
    assert story.look() is None
    assert not story.watch.is_degraded


def test_nobody_acts_while_nothing_can_be_read(story: Story):
    """The package may have a rule in force that a person switched off in the container."""
    story.hooks["read listing"] = story.hooks["read last good"] = AWAY
    with pytest.raises(ProviderUnavailable):
        story.begin()
    story.hooks.clear()
    assert ["package"] == story.begin()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidTarget("there is no container night-rules; create it"), "create it"),
        (Forbidden("listing rules: 403; grant the role Reader"), "grant the role Reader"),
    ],
)
def test_a_container_that_cannot_be_read_is_refused_as_a_whole(story: Story, error, words):
    """Waiting does not help: a person must hear of it."""
    story.hooks["read listing"] = error
    assert ["package"] == story.begin()
    assert story.watch.refused is not None
    [problem] = story.watch.refused.problems
    assert ("blob:night-rules", words) == (problem.file, problem.suggestion)
    assert 1 == len(story.watch.news)
    story.look()
    assert 1 == len(story.watch.news)
    story.hooks.clear()
    assert ["package"] == story.look()


def test_files_that_change_while_they_are_read_are_read_again(story: Story):
    """A version is what was there at one moment, never half of two."""
    story.files.upload("a.yaml", "1")
    changes = iter("23")

    def trap(where: str) -> None:
        body = next(changes, None) if where == "read a.yaml" else None
        if body is not None:
            story.files.upload("a.yaml", body)

    story.files.trap = trap
    assert ["package", "blob:night-rules/a.yaml=3"] == story.begin()


def test_files_that_never_stop_changing_are_left_for_the_next_look(story: Story):
    """Nothing of them is in force; the look ends."""
    story.begin()
    story.files.upload("a.yaml", "1")

    def trap(where: str) -> None:
        if where == "read a.yaml":
            story.files.upload("a.yaml", "again")

    story.files.trap = trap
    assert story.look() is None
    assert "has changed" in story.watch.unread


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [(b"\xff", 1, 1), (b"a: 1\nb: Z\xe9\n", 2, 5), ("é: ü".encode() + b"\xc3", 1, 5)],
)
def test_what_is_no_text_is_refused_where_it_is_wrong(story: Story, body, line, column):
    """Saved in another encoding: the byte is pointed at, and nothing is guessed."""
    story.begin()
    story.files.upload("a.yaml", body)
    assert story.look() is None
    assert story.watch.refused is not None
    [problem] = story.watch.refused.problems
    assert (line, column) == (problem.line, problem.column)
    assert "not UTF-8" in problem.message


def test_a_byte_order_mark_is_no_text(story: Story):
    """Some editors write one; it is not a reason to refuse a rule."""
    story.files.upload("a.yaml", b"\xef\xbb\xbf1")
    assert ["package", "blob:night-rules/a.yaml=1"] == story.begin()


def test_a_file_too_large_is_refused_unread(story: Story):
    """A hundred megabytes would take the memory that an eviction needs."""
    story.begin()
    story.files.upload("a.yaml", b"x" * (MOST_BYTES + 1))
    assert story.look() is None
    assert [] == story.files.reads
    assert story.watch.refused is not None
    assert "bytes, more than" in story.watch.refused.problems[0].message


def test_files_too_large_together_are_refused_unread(story: Story):
    """Each of them is small enough."""
    story.begin()
    for number in range(5):
        story.files.upload(f"{number}.yaml", b"x" * MOST_BYTES)
    assert story.look() is None
    assert [] == story.files.reads
    assert story.watch.refused is not None
    assert "in all" in story.watch.refused.problems[0].message


def test_too_many_files_are_refused_unread_and_in_one_sentence(story: Story):
    """Thousands of problems would help nobody."""
    story.begin()
    for number in range(MOST_FILES + 1):
        story.files.upload(f"{number}.yml", "x")
    assert story.look() is None
    assert [] == story.files.reads
    assert story.watch.refused is not None
    [problem] = story.watch.refused.problems
    assert "201 rule files, more than 200" == problem.message


@pytest.mark.parametrize("name", ["off.yml", "OFF.YAML", "off.Yaml"])
def test_a_name_that_is_nearly_right_is_refused_and_not_overlooked(story: Story, name: str):
    """Whoever uploads off.yml to stop something must learn that it stopped nothing."""
    story.begin()
    story.files.upload(name, "x")
    assert story.look() is None
    assert story.watch.refused is not None
    [problem] = story.watch.refused.problems
    assert f"name it {name.rpartition('.')[0]}.yaml" == problem.suggestion


def test_old_news_are_dropped_rather_than_hoarded(story: Story):
    """A store that is away for days must not fill the memory."""
    story.begin()
    for number in range(60):
        story.files.upload("a.yaml", str(number))
        story.look()
    assert 20 == len(story.watch.news)
    assert story.watch.in_force == story.watch.news[-1].version
