"""Surveys: what is found is a signal; what was not read is named, and nobody acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.core.errors import ProviderUnavailable
from shared.core.plans import Mode
from shared.core.signals import Phase, SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Measure,
    Seen,
    Severity,
    Survey,
    kept,
)
from shared.engine import surveying
from tests import builders as make
from tests.builders import HOUR, MINUTE, SECOND, SUBSCRIPTION
from tests.shift import Shift

DISKS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/disks"
DOWN = ProviderUnavailable("listing: 503", after=SECOND)


def look(seen: Seen, now: datetime) -> list[Finding]:
    """Name the disks that nobody has."""
    return [
        Finding(
            target=disk.id,
            name="unattached_disk",
            severity=Severity.WARNING,
            evidence=f"{disk.more['size_gb']} GB",
            attributes={"size_gb": disk.more["size_gb"]},
        )
        for disk in seen.items["disks"]
        if disk.more["state"] == "Unattached"
    ]


def keep(document: Mapping[str, Any]) -> Kept:
    """Keep a disk's state and size."""
    said = document["properties"]
    return kept(document, state=said.get("diskState"), size_gb=int(said["diskSizeGB"]))


ONE = Survey(
    name="disks",
    summary="Disks that nobody has.",
    says=SignalType.RESOURCE_LEFT_OVER,
    every=6 * HOUR,
    reads={"disks": Listing(path=DISKS, api_version="v", keep=keep)},
    actions=(),
    look=look,
    examples=(),
)
SURVEYS = {ONE.name: ONE}


def disk(number: int, state: str = "Unattached", **properties: Any) -> Mapping[str, Any]:
    """Make a disk as the resource manager lists it."""
    name = f"{make.GROUP}/providers/Microsoft.Compute/disks/d-{number}"
    said = {"diskState": state, "diskSizeGB": 64, **properties}
    return {"id": name, "location": "westeurope", "properties": said}


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule asks a person about disks that nobody has."""
    night = Shift.begin(make.a_rule("ask_a_person"))
    night.world.resources.add(make.a_resource(disk(1)["id"]))
    return night


def carried_out(shift: Shift, surveys: Mapping[str, Survey]) -> list[surveying.Report]:
    """Let a tick begin, and carry out what it put, like the queue would."""
    shift.invoke(surveying.begin(shift.night, surveys))
    found = []
    for waiting in list(shift.world.queue.waiting):
        if surveying.SURVEY in waiting.message:
            shift.world.queue.waiting.remove(waiting)
            message = waiting.message
            report = shift.invoke(surveying.carry_out_survey(shift.night, message, surveys))
            found.append(report)
    return found


def test_a_finding_is_answered_by_the_rules_and_stands_in_the_report(shift: Shift):
    """A person reads what was found, what was decided, and which plan came of it."""
    shift.world.estate.tell(DISKS, disk(1), disk(2, "Attached"))
    [report] = carried_out(shift, SURVEYS)
    [found] = report.findings
    assert ("unattached_disk", "acted", shift.plan.id) == (
        found["name"],
        found["decision"],
        found["plan"],
    )
    assert {"disks": 2} == report.looked_at
    assert [report.to_json()] == shift.invoke(surveying.latest(shift.night, surveys=SURVEYS))


def test_a_rule_may_ask_what_was_found(shift: Shift):
    """Severity, evidence and what the survey adds are conditions like any other."""
    rule = make.a_rule(
        "ask_a_person",
        when='signal.finding == "unattached_disk" && signal.size_gb > 100',
    )
    shift = Shift.begin(rule)
    shift.world.estate.tell(DISKS, disk(1), disk(2, diskSizeGB=512))
    for number in (1, 2):
        shift.world.resources.add(make.a_resource(disk(number)["id"]))
    [report] = carried_out(shift, SURVEYS)
    assert ["not_matched", "acted"] == [one["decision"] for one in report.findings]


def test_a_turn_is_begun_once_however_often_the_tick_comes(shift: Shift):
    """Two instances and a timer that fires late are one look."""
    assert 1 == shift.invoke(surveying.begin(shift.night, SURVEYS))
    shift.move(5 * MINUTE)
    assert 0 == shift.invoke(surveying.begin(shift.night, SURVEYS))
    shift.move(6 * HOUR)
    assert 1 == shift.invoke(surveying.begin(shift.night, SURVEYS))


def test_a_survey_that_no_rule_answers_costs_nothing():
    """Not one call."""
    shift = Shift.begin(make.a_rule("deallocate_idle"))
    assert 0 == shift.invoke(surveying.begin(shift.night, SURVEYS))


def test_a_list_that_cannot_be_read_is_named_and_nothing_is_concluded(shift: Shift):
    """Half an estate is no estate: what is missing from it proves nothing."""
    shift.world.estate.failing[DISKS.casefold()] = DOWN
    [report] = carried_out(shift, SURVEYS)
    assert ([], False) == (report.findings, report.to_json()["is_whole"])
    assert ["disks of " + SUBSCRIPTION] == [one.partition(":")[0] for one in report.unread]
    assert [] == shift.plans


def test_a_document_of_an_odd_shape_hides_no_other(shift: Shift):
    """One resource that nobody understands must not stop a night's work."""
    odd = {"id": disk(3)["id"], "properties": {"diskSizeGB": "many"}}
    shift.world.estate.tell(DISKS, odd, disk(1))
    [report] = carried_out(shift, SURVEYS)
    assert [disk(1)["id"]] == [one["target"] for one in report.findings]
    assert ["disks: " + disk(3)["id"]] == [
        one.rpartition(": ValueError")[0] for one in report.unread
    ]


def test_of_a_list_that_must_be_whole_one_odd_document_ends_the_turn(shift: Shift):
    """What is concluded from absence needs every document: odd is not absent."""
    odd = {"id": disk(3)["id"], "properties": {"diskSizeGB": "many"}}
    shift.world.estate.tell(DISKS, odd, disk(1))
    whole = replace(ONE, reads={"disks": replace(ONE.reads["disks"], must_be_whole=True)})
    [report] = carried_out(shift, {whole.name: whole})
    assert ([], 1) == (report.findings, len(report.unread))


def test_one_finding_that_cannot_be_answered_stops_no_other(shift: Shift):
    """Its trouble is told with its name."""
    shift.world.estate.tell(DISKS, disk(1), disk(2))
    shift.world.resources.add(make.a_resource(disk(2)["id"]))
    with shift.raising("before open", DOWN):
        [report] = carried_out(shift, SURVEYS)
    assert (1, 1) == (len(report.findings), len(report.unread))


def test_a_message_of_another_version_is_dropped(shift: Shift):
    """Going back a release with messages under way is no trouble."""
    message = {"survey": "of-tomorrow", "subscription": SUBSCRIPTION, "began_at": "2030-01-01"}
    assert None is shift.invoke(surveying.carry_out_survey(shift.night, message, SURVEYS))


def test_it_leaves_a_record_that_it_was_begun_and_ended(shift: Shift):
    """The event's page of a turn tells what became of it."""
    shift.world.estate.tell(DISKS)
    carried_out(shift, SURVEYS)
    began_at = make.NOW
    records = shift.records(surveying.turn_id(ONE.name, began_at.replace(hour=0)))
    assert [Phase.SCHEDULED, Phase.COMPLETED] == [Phase(one.phase) for one in records]


GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourcegroups"


def nested() -> Survey:
    """Make a survey that reads a list for each item of another, and a metric."""

    def look_inside(seen: Seen, now: datetime) -> list[Finding]:
        return [
            Finding(
                target=one.id,
                name="empty" if not seen.under("inner", one.id) else "hot",
                severity=Severity.ERROR,
                evidence="seen",
                guidance="https://example.org",
            )
            for one in seen.items["outer"]
            if not seen.under("inner", one.id) or max(seen.measured("m", one.id) or [0]) > 5
        ]

    return replace(
        ONE,
        name="nested",
        reads={
            "outer": Listing(path=GROUPS, api_version="2021-04-01", keep=kept),
            "inner": Listing(path="{id}/resources", api_version="v", keep=kept, of="outer"),
        },
        measures=(Measure("outer", "ns", "m", "maximum"),),
        look=look_inside,
    )


def group(name: str) -> Mapping[str, Any]:
    """Make a resource group."""
    return {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}", "location": "eu"}


def test_children_are_read_for_each_and_measured_in_bulk(shift: Shift):
    """An empty list of children and a metric are both evidence."""
    estate = shift.world.estate
    estate.tell(GROUPS, group("a"), group("b"), group("c"))
    for name in "bc":
        estate.tell(f"{group(name)['id']}/resources", disk(1))
    shift.world.metrics.tell_points(group("b")["id"], "m", 1.0, 9.0)
    survey = nested()
    [report] = carried_out(shift, {"nested": survey})
    names = [(one["target"][-1], one["name"]) for one in report.findings]
    assert [("a", "empty"), ("b", "hot")] == names


def test_a_parent_whose_children_cannot_be_read_is_not_judged(shift: Shift):
    """Not read is not empty."""
    estate = shift.world.estate
    estate.tell(GROUPS, group("a"), group("b"))
    estate.failing[f"{group('a')['id']}/resources".casefold()] = DOWN
    [report] = carried_out(shift, {"nested": nested()})
    assert ["b"] == [one["target"][-1] for one in report.findings]
    assert 1 == len(report.unread)


def test_a_rule_that_only_observes_is_told_in_the_report():
    """What the default rules would do is read before anybody lets them."""
    rule = make.a_rule("ask_a_person", mode=Mode.OBSERVE)
    shift = Shift.begin(rule)
    shift.world.estate.tell(DISKS, disk(1))
    shift.world.resources.add(make.a_resource(disk(1)["id"]))
    [report] = carried_out(shift, SURVEYS)
    assert {"observe_only": 1} == dict(report.by_reason)


def test_a_survey_is_put_on_the_queue_and_taken_from_it(shift: Shift):
    """The queue's own way in, with the surveys that are deployed."""
    shift.world.estate.tell(DISKS, disk(1))
    shift.invoke(surveying.begin(shift.night))
    shift.wait(timedelta(seconds=1))
    shift.run_until_quiet()
    assert [disk(1)["id"]] == [plan.target for plan in shift.plans]
