"""One process's part in a rollout: tried, judged by what became of plans, followed by all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.core import rollouts
from shared.core.errors import ProviderUnavailable
from shared.core.findings import Verdict
from shared.core.rollouts import RolloutTerms
from shared.engine.checkup import look
from shared.engine.checkup.asked import Asked
from shared.engine.rollout_news import rollout_view, tell_turns
from shared.engine.rule_watch import RuleWatch
from shared.engine.trying import Arranged, Newest, Trying
from shared.ports.rule_source import GoodVersion
from shared.rules.book import RuleBook
from shared.rules.loading import load_rules
from tests.builders import HOUR, NOW, REMEDIATIONS, SECOND, VM, a_degradation, a_rule
from tests.fakes.rule_source import FakeRules
from tests.shift import Shift

TERMS = RolloutTerms(percent=100, soak=HOUR, failures=2)
RULE = """rules:
  - name: move
    on: vm.degraded
    remediate: snapshot_and_redeploy
    mode: {}
    guard: {{limits: []}}
"""
STABLE, NEW = RULE.format("observe"), RULE.format("auto")


def load(texts: dict[str, str]) -> RuleBook:
    """Load a version as the app does, with no package beneath it."""
    return load_rules([texts], REMEDIATIONS)


@dataclass
class Instance:
    """One instance of the app, on storage that several share."""

    files: FakeRules
    terms: RolloutTerms = TERMS
    trying: Trying = field(init=False)

    def __post_init__(self) -> None:
        self.trying = Trying(self.terms, load)

    def look(self, version: str, text: str, after: timedelta = timedelta(0)) -> Arranged:
        """Look at a container that holds a version."""
        texts = {"blob:night/a.yaml": text}
        newest = Newest(version, load(texts), texts) if version else None
        found = asyncio.run(self.trying.arrange(self.files, newest, NOW + after))
        assert found is not None
        return found

    def judge(self, shift: Shift, after: timedelta = timedelta(0)) -> bool:
        """Hold the trial against the rest."""
        tallies = shift.world.tallies
        return asyncio.run(self.trying.judge(tallies, self.files, NOW + after))


@pytest.fixture
def one() -> Instance:
    """An instance that knows a stable version, and sees a new one."""
    instance = Instance(FakeRules())
    instance.look("v1", STABLE)
    instance.look("v2", NEW)
    return instance


def modes(arranged: Arranged) -> tuple[str, str]:
    """Say how far the rule may go everywhere, and on trial."""
    trial = arranged.trial
    tried = trial.rules.rules[0].mode.value if trial else "none"
    return arranged.rules.rules[0].mode.value, tried


def on_trial(one: Instance) -> Shift:
    """Begin a night with the rules of a trial, and machines to move."""
    arranged = one.look("v2", NEW)
    shift = Shift.begin()
    shift.night = replace(shift.night, rules=arranged.rules, trial=arranged.trial)
    for number in range(3):
        shift.with_machine(f"{VM}-{number}", "os", is_quiet=False)
    return shift


def test_a_new_version_is_tried_and_the_old_one_counts_elsewhere(one: Instance):
    """Of the first one there was nothing to try it against."""
    assert ("observe", "auto") == modes(one.look("v2", NEW))
    assert ["promoted", "trial"] == [turn.what for turn in one.trying.turns]


def test_another_instance_follows_though_it_starts_in_the_middle(one: Instance):
    """Both versions are kept; the container holds the newer one alone."""
    other = Instance(one.files)
    assert ("observe", "auto") == modes(other.look("v2", NEW))
    assert ("observe", "auto") == modes(Instance(one.files).look("", ""))


def test_a_plan_of_the_trial_is_counted_where_it_is_tried_and_others_elsewhere(one: Instance):
    """By the places that the plan itself names, so that a crash loses none."""
    shift = on_trial(one)
    shift.deliver(a_degradation(target=f"{VM}-0"))
    shift.run_until_quiet()
    place = rollouts.place("v2", is_tried=True)
    assert place in shift.plan.tallies
    assert (1, 0) == _counted(shift, place)
    none = replace(shift.night.trial, percent=0)
    assert rollouts.place("v2", is_tried=False) == none.place(VM)


def _counted(shift: Shift, place: str) -> tuple[int, int]:
    found = shift.invoke(shift.world.tallies.read([place]))[place]
    counts = rollouts.counts(found.entries)
    return counts.closed, counts.failed


def test_what_a_person_starts_says_nothing_about_the_rules(one: Instance):
    """It would have failed under any version."""
    shift = on_trial(one)
    shift.run_book("snapshot_and_redeploy", f"{VM}-0")
    assert [] == [place for place in shift.plan.tallies if place.startswith("rollout|")]


def test_a_version_whose_plans_fail_is_taken_back_and_told(one: Instance):
    """Without a person: at the second failure, with the figures, and for good."""
    shift = on_trial(one)
    forbidden = ProviderUnavailable("creating a snapshot: 503", after=SECOND)
    with shift.raising("before create_snapshot", forbidden, times=10**6):
        for number in range(2):
            shift.deliver(a_degradation(target=f"{VM}-{number}", event_id=f"e{number}"))
            shift.run_until_quiet()
    assert one.judge(shift)
    after = one.look("v2", NEW)
    assert ("observe", "none") == modes(after)
    assert one.trying.rejection("v2") is not None
    shift.invoke(tell_turns(shift.night, "night", one.trying))
    told = shift.invoke(shift.world.ledger.find_event("rules-v2"))
    assert {"started", "failed"} == {record.phase for record in told}
    [why] = [r.decisions[0]["detail"] for r in told if r.phase == "failed"]
    assert "2 of 2 plans failed, elsewhere 0 of 0" in why
    assert [] == one.trying.turns


def test_the_doctor_names_a_version_that_was_taken_back(one: Instance):
    """It is the container's newest, and does not count: who looks must not think it does."""
    back = rollouts.decided(one.files.told, rollouts.Verdict.FALL_BACK, "2 of 2", NOW)
    one.trying.state = back
    watch = RuleWatch("night", load, in_force="v2", trying=one.trying)
    assert watch.is_degraded
    asked = Asked(checks=frozenset({"rules"}), watch=watch)
    [wrong] = [
        finding
        for finding in asyncio.run(look(Shift.begin(a_rule()).night, asked))
        if finding.verdict is Verdict.FAILED
    ]
    assert "version v2 was tried and taken back: 2 of 2" == wrong.said


def test_other_instances_follow_a_fall_back_at_their_next_look(one: Instance):
    """And tell it too, should the first one have died before it did: it is one record."""
    other = Instance(one.files)
    other.look("v2", NEW)
    back = rollouts.decided(one.files.told, rollouts.Verdict.FALL_BACK, "x", NOW)
    asyncio.run(one.files.save_rollout(back))
    assert ("observe", "none") == modes(other.look("v2", NEW))
    assert [("fell_back", "x")] == [(turn.what, turn.why) for turn in other.trying.turns]


def test_a_version_that_soaked_counts_everywhere_and_is_the_last_good_one(one: Instance):
    """Only then: an instance that starts while storage is away takes that one."""
    last = one.files.good
    assert last is not None
    assert "v1" == last.id
    assert not one.judge(Shift.begin(), HOUR - SECOND)
    assert one.judge(Shift.begin(), HOUR)
    assert ("auto", "none") == modes(one.look("v2", NEW))
    assert "v2" == one.files.good.id


def test_of_two_instances_that_judge_at_once_one_writes_and_the_other_looks_again(
    one: Instance,
):
    """Never is a version taken back by one and made to count by another."""
    other = Instance(one.files)
    other.look("v2", NEW)
    assert one.judge(Shift.begin(), HOUR)
    writes = one.files.writes
    assert other.judge(Shift.begin(), HOUR)
    assert writes == one.files.writes
    assert ("auto", "none") == modes(other.look("v2", NEW))


def test_a_stable_version_that_does_not_load_any_more_gives_way_to_the_newest(one: Instance):
    """A release may have taken away what it names; nothing at all would count else."""
    broken = GoodVersion("v1", NOW, {"blob:night/a.yaml": "rules: ["})
    one.files.versions["v1"] = broken
    assert ("auto", "none") == modes(Instance(one.files).look("v2", NEW))


def test_people_see_what_counts_where_and_what_was_taken_back(one: Instance):
    """In GET /api/rules."""
    shift = on_trial(one)
    seen = rollout_view(shift.night, one.trying)
    assert seen is not None
    assert ("v1", "v2", 100) == (seen["stable"], seen["trial"], seen["percent"])
    [move] = seen["rules_on_trial"]
    assert ("move", "auto", "observe") == (move["name"], move["mode"], move["was"])
    assert rollout_view(shift.night, None) is None
