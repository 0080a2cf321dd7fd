"""The archive: a copy of every delivery, in nobody's way."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from sandbox.demo import events, world
from shared.core.errors import ProviderUnavailable
from shared.engine import archive, inlet
from shared.parsing import parse_events
from tests.builders import NOW, a_node, a_resource, a_rule
from tests.shift import BUDGET, SETTINGS, Shift

PARSE = partial(parse_events, received_at=NOW)
NOTICE = json.dumps(events.notice("e-1", (3,), now=NOW)).encode()


def a_shift(**settings) -> Shift:
    """Begin a night in which instance 3 of the demo's scale set is a node."""
    night = Shift.begin(a_rule(), settings=replace(SETTINGS, **settings))
    vm = world.instance_id(3)
    night.world.cluster.add(vm, a_node(3))
    night.world.resources.add(a_resource(vm))
    return night


def take_in(night: Shift, body: bytes) -> inlet.Heard:
    """Deliver a body to the maintenance inlet."""
    work = inlet.take_in(
        night.night, body, PARSE, source="on_maintenance_event", budget=BUDGET
    )
    return night.invoke(work)


def test_a_delivery_is_archived_as_it_came_under_its_moment():
    """Names sort by time, so that a range is a range of names."""
    night = a_shift()

    assert "" == take_in(night, NOTICE).lost_copy

    [(name, copy)] = night.world.records.archived.items()
    assert name.startswith("2030/01/01/03/0000.000-on_maintenance_event-")
    assert {
        "received_at": "2030-01-01T03:00:00.000000Z",
        "inlet": "on_maintenance_event",
        "encoding": "json",
        "body": json.loads(NOTICE),
    } == json.loads(copy)


@pytest.mark.parametrize(
    ("body", "encoding", "kept"),
    [
        (b'{"a": 1e3, "b":\n[2]}', "json", {"a": 1000.0, "b": [2]}),
        (b"\xef\xbb\xbf7", "json", 7),
        (b'{"a": 1, "a": 2}', "text", '{"a": 1, "a": 2}'),
        (b'{"a": NaN}', "text", '{"a": NaN}'),
        (b"{", "text", "{"),
        (b"\xff{", "base64", base64.b64encode(b"\xff{").decode()),
        (b"[" * 100_000, "text", "[" * 100_000),
    ],
)
def test_whatever_came_is_archived_without_loss(body, encoding, kept):
    """A replay must meet the same poison, refused with the same words."""
    night = a_shift()

    take_in(night, body)

    [copy] = night.world.records.archived.values()
    assert (encoding, kept) == (json.loads(copy)["encoding"], json.loads(copy)["body"])


def test_the_first_effect_comes_before_the_copy_and_the_copy_before_the_answer():
    """An eviction leaves seconds; an acknowledged event must be in the archive."""
    night = a_shift()

    take_in(night, NOTICE)

    order = [p for p in night.passed if p.startswith(("before cordon", "after archive"))]
    assert ["before cordon", "after archive"] == order


def test_a_lost_copy_loses_no_event_and_is_told():
    """The archive is a convenience: storage that refuses it must not cost a node."""
    night = a_shift()
    refusal = ProviderUnavailable("no blobs today", after=timedelta(seconds=1))

    with night.raising("before archive", refusal):
        heard = take_in(night, NOTICE)

    assert "ProviderUnavailable: no blobs today" == heard.lost_copy
    assert ["drain-node"] == [plan.rule for plan in night.plans]


def test_a_copy_that_hangs_is_given_up(monkeypatch):
    """Event Grid waits thirty seconds, and then sends again what was answered."""
    monkeypatch.setattr(archive, "PATIENCE", timedelta(milliseconds=20))
    night = a_shift()

    async def hang(name: str, document: bytes) -> None:
        await asyncio.sleep(60)

    night.world.records.archive = hang

    assert "not written within 0.02 s" in take_in(night, NOTICE).lost_copy
    assert 1 == len(night.plans)


def test_a_delivery_that_could_not_be_answered_is_archived_too():
    """It is a delivery all the same; the sender sends it again."""
    night = a_shift()
    away = ProviderUnavailable("no tables today", after=timedelta(seconds=1))

    with pytest.raises(ProviderUnavailable), night.raising("before open", away):
        take_in(night, NOTICE)

    assert 1 == len(night.world.records.archived)


def test_zero_days_keep_no_copies():
    """Some may not keep what they are told."""
    night = a_shift(archive_days=0)

    assert "" == take_in(night, NOTICE).lost_copy
    assert {} == night.world.records.archived
    assert (0, True) == night.invoke(archive.forget(night.night))


def test_old_copies_are_deleted_and_young_ones_are_kept():
    """Retention counts whole days, page after page."""
    night = a_shift(archive_days=2)
    for hours in range(24 * 40):
        at = NOW - timedelta(hours=hours)
        night.world.records.archived[archive.name_of(at, "on_alert", b"{}")] = b"{}"

    assert (24 * 40 - 52, True) == night.invoke(archive.forget(night.night))
    assert "2029/12/30/00/0000.000" == min(night.world.records.archived)[:22]


def test_what_a_tick_has_no_time_for_is_left_to_the_next():
    """The host ends a function that goes on for ever."""
    night = a_shift(archive_days=1)
    old = NOW - timedelta(days=9)
    for number in range(archive.AT_ONCE * 3):
        night.world.records.archived[archive.name_of(old, f"i{number}", b"")] = b""
    night.hooks.append(
        lambda where: night.move(timedelta(minutes=3)) if where.endswith("_archive") else None
    )

    deleted, is_all = night.invoke(archive.forget(night.night))

    assert (archive.AT_ONCE, False) == (deleted, is_all)
