"""Heartbeats: what is one, and what only says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.core.beats import BEAT_TYPE, is_beat, read_beat
from shared.core.errors import MalformedEvent
from tests import builders as make

VM = make.VM


def a_beat(**data: Any) -> dict[str, Any]:
    """Write a heartbeat as the forwarder sends it."""
    said = {"vmId": VM, "version": "1.1", "every": 900, "waiting": 0, "lost": 0, "failing": 0}
    return {
        "specversion": "1.0",
        "id": "b-1",
        "source": VM,
        "type": BEAT_TYPE,
        "time": make.NOW.isoformat(),
        "data": {**said, **data},
    }


def test_a_beat_says_when_it_is_missed():
    """Three in a row, by how often that very forwarder says so."""
    beat = read_beat(a_beat(waiting=2), make.NOW)
    assert (VM, "1.1", 2) == (beat.machine, beat.version, beat.waiting)
    assert make.NOW + timedelta(minutes=45) == beat.silent_from


@pytest.mark.parametrize(
    "wrong",
    [
        {"vmId": "/subscriptions/s"},
        {"vmId": VM.replace("virtualMachines", "disks")},
        {"vmId": 7},
        {"every": 1},
        {"every": "often"},
        {"every": 10**9},
        {"waiting": -1},
        {"waiting": 1e300},
        {"lost": None},
    ],
)
def test_what_is_no_beat_is_refused(wrong: dict[str, Any]):
    """Whoever may send to the topic may send anything: the roll takes machines only."""
    with pytest.raises(MalformedEvent):
        read_beat(a_beat(**wrong), make.NOW)


@pytest.mark.parametrize("event", [None, [], "x", {}, {"type": "Nightshift.Other"}])
def test_everything_else_is_no_beat(event: object):
    """And is heard like every event."""
    assert not is_beat(event)
