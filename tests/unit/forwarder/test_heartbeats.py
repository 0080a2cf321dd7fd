"""Heartbeats: that the machine is watched is said by the way that notices take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.demo import world
from sandbox.imds import Machine
from sandbox.imds_notices import Platform
from shared.core.beats import read_beat
from tests.forwarding import Around, a_forwarder, until


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One machine of a scale set."""
    platform = Platform()
    one = Machine(platform, world.instance_id(world.EVICTED), world.SCALE_SET).listen()
    yield one
    one.close()


@pytest.fixture
def around() -> Iterator[Around]:
    """A topic and an app that answer."""
    front = Around().up()
    yield front
    front.down()


def test_a_forwarder_says_that_it_is_there_and_how_it_is(
    machine: Machine, around: Around, tmp_path: Path
):
    """And the app reads it: the two programs share no code, so this holds them together."""
    with a_forwarder(machine, around, tmp_path, heartbeat=0.3):
        until(lambda: len(around.beats) > 1)
    first, second = around.beats[:2]
    assert first["id"] != second["id"]
    beat = read_beat(first, datetime.now(UTC))
    assert (machine.id, 0, 0, 0) == (beat.machine, beat.waiting, beat.lost, beat.failing)
    assert 60 == beat.every.total_seconds()


def test_a_heartbeat_is_not_kept_for_later_and_no_notice_waits_for_it(
    machine: Machine, around: Around, tmp_path: Path
):
    """While the topic is away a notice is spooled and beats are dropped; then it counts."""
    around.down()
    with a_forwarder(machine, around, tmp_path, heartbeat=0.2) as forwarder:
        until(lambda: "heartbeat: " in forwarder.log, why=forwarder.log)
        machine.platform.play("preempt", [machine.name], notice_s=30.0)
        until(lambda: len(forwarder.spooled()) == 1)
        around.up()
        until(lambda: around.said and around.beats, why=forwarder.log)
        assert [("Preempt", "Scheduled")] == around.said
        until(lambda: not forwarder.spooled(), why=forwarder.log)


def test_none_is_sent_where_none_is_wanted(machine: Machine, around: Around, tmp_path: Path):
    """0 switches them off."""
    with a_forwarder(machine, around, tmp_path, heartbeat=0):
        machine.platform.play("reboot", [machine.name], notice_s=30.0)
        until(lambda: around.said)
    assert [] == around.beats
