"""What became of a version is stored like any event, once; people see what is in force."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.audit import decision_records
from shared.core.errors import ProviderUnavailable
from shared.core.notice import NoticeKind
from shared.core.terms import Channel
from shared.core.wire import write_moment
from shared.engine.rule_news import record_of, rules_view, tell
from shared.engine.rule_versions import Refused
from shared.engine.rule_watch import News, RuleWatch
from shared.engine.views import event_view
from shared.ports.rule_source import GoodVersion
from shared.rules.book import RuleBook
from shared.rules.problems import RuleProblem
from tests import builders as make
from tests.builders import NOW
from tests.fakes.notices import FakeMessenger, FakeNotices
from tests.fakes.rule_source import FakeRules
from tests.shift import Shift

PROBLEM = RuleProblem("blob:night-rules/a.yaml", 3, 5, "mode is 'of'", "did you mean off?")
REFUSED = News("v2", NOW, refused=Refused("v2", (PROBLEM,)))
GOOD = GoodVersion("v1", NOW, {"blob:night-rules/a.yaml": "rules: []"})
LOADED = News("v1", NOW, good=GOOD, rules=7)


def a_watch(*news: News) -> RuleWatch:
    """A watch with something to tell."""
    return RuleWatch("night-rules", lambda _: RuleBook(), news=list(news))


def test_each_version_is_an_event_of_its_own():
    """Found by its name, and exported with everything else."""
    shift, files = Shift.begin(), FakeRules()
    watch = a_watch(LOADED, REFUSED)
    shift.invoke(tell(shift.night, watch, files))

    assert [] == watch.news
    assert GOOD == files.good
    seen = shift.invoke(event_view(shift.night, "rules-v2"))
    assert seen is not None
    [record] = seen["records"]
    assert "rules.refused" == record["signal"]["type"]
    assert "blob:night-rules/a.yaml" == record["signal"]["problems"][0]["file"]
    assert f"{PROBLEM}" == record["decisions"][0]["detail"]
    seen = shift.invoke(event_view(shift.night, "rules-v1"))
    assert seen is not None
    assert "rules.loaded" == seen["records"][0]["signal"]["type"]
    assert "7 rules in force, 1 files of night-rules" in json.dumps(seen)


def test_many_instances_tell_of_a_version_once():
    """Each of them looked; one record is enough."""
    shift, files = Shift.begin(), FakeRules()
    for _ in range(3):
        shift.invoke(tell(shift.night, a_watch(REFUSED), files))
    seen = shift.invoke(event_view(shift.night, "rules-v2"))
    assert seen is not None
    assert 1 == len(seen["records"])


@pytest.mark.parametrize("where", ["before keep", "before record_event"])
def test_what_could_not_be_told_is_told_later(where: str):
    """The store is away at the moment at which somebody uploads."""
    shift = Shift.begin()
    files = FakeRules(trap=shift.pass_by)
    watch = a_watch(LOADED, REFUSED)
    away = ProviderUnavailable("no storage", after=timedelta(seconds=1))
    with shift.raising(where, away), pytest.raises(ProviderUnavailable):
        shift.invoke(tell(shift.night, watch, files))
    assert [LOADED, REFUSED] == watch.news
    shift.invoke(tell(shift.night, watch, files))
    assert [] == watch.news
    assert GOOD == files.good


def test_people_are_told_of_a_refused_version_on_every_channel_once():
    """Whoever uploaded it may not look at a log; a version that loads is no news to them."""
    shift, notices = Shift.begin(), FakeNotices()
    messengers = (FakeMessenger(Channel.TEAMS), FakeMessenger(Channel.SLACK))
    ports = replace(shift.night.ports, notices=notices, messengers=messengers)
    shift.night = replace(shift.night, ports=ports)
    for _ in range(2):
        shift.invoke(tell(shift.night, a_watch(LOADED, REFUSED), FakeRules()))
    [notice] = notices.posted.values()
    assert NoticeKind.RULES_REFUSED == notice.kind
    assert (Channel.TEAMS, Channel.SLACK) == notice.channels
    assert str(PROBLEM) in dict(notice.facts).values()
    again = News("v3", NOW, refused=Refused("v3", (PROBLEM,)))
    shift.invoke(tell(shift.night, a_watch(again), FakeRules()))
    assert 2 == len(notices.posted)


def test_a_thousand_problems_fit_into_a_record():
    """The row, the export and the reader have their limits; the number is told."""
    long = replace(PROBLEM, message="x" * 5000)
    news = News("v2", NOW, refused=Refused("v2", (long,) * 1000))
    record = record_of("night-rules", news)
    assert len(json.dumps(dict(record.signal))) < 20_000
    assert (20, 1000) == (len(record.signal["problems"]), record.signal["problems_in_all"])


def test_the_audit_takes_it():
    """Labels as a decision has them, and no field that it does not know."""
    record = record_of("night-rules", REFUSED)
    [told] = decision_records(
        event_id=record.event_id,
        phase=record.phase,
        target=record.target,
        recorded_at=record.recorded_at,
        signal=record.signal,
        decisions=record.decisions,
    )
    row = told.row
    assert ("rules", "refused") == (row["Decision"], row["Reason"])
    assert ("rules-v2", "rules.refused") == (row["EventId"], row["SignalType"])


def test_people_see_every_rule_in_force_and_where_it_comes_from():
    """Without a container there is only the package."""
    rule = make.a_rule(name="empty-it")
    shift = Shift.begin(rule)
    said = rules_view(shift.night, None)
    assert [
        {
            "name": "empty-it",
            "mode": rule.mode.value,
            "hash": rule.hash,
            "source": rule.source,
            "on": sorted(one.value for one in rule.on),
        }
    ] == said["rules"]
    assert (["rules"], None, None) == (said["folders"], said["container"], said["refused"])


def test_people_see_what_is_refused_and_what_is_in_force_instead():
    """Everything that is needed to put it right, in one answer."""
    files = FakeRules()
    files.upload("a.yaml", "1")
    watch = a_watch()
    asyncio.run(watch.begin(files, NOW))
    watch.refused, watch.refused_at = REFUSED.refused, NOW + timedelta(minutes=3)
    said = rules_view(Shift.begin().night, watch)
    assert {
        "name": "night-rules",
        "version": watch.in_force,
        "is_last_good": False,
        "looked_at": write_moment(NOW),
        "unread": None,
    } == said["container"]
    assert {
        "version": "v2",
        "event_id": "rules-v2",
        "since": write_moment(NOW + timedelta(minutes=3)),
        "problems": [
            {
                "file": "blob:night-rules/a.yaml",
                "line": 3,
                "column": 5,
                "message": "mode is 'of'",
                "suggestion": "did you mean off?",
            }
        ],
        "problems_in_all": 1,
    } == said["refused"]
