"""The spool: bounded, in order, and the oldest preemption is the last to be lost."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forwarding import PROGRAM


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nightshift_forwarder", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


forwarder = _load()
_folders = itertools.count()


def a_change(number: int, size: int = 0) -> dict[str, Any]:
    """Make a change that waits."""
    return {"seen": "", "notice": {"EventId": f"e-{number}", "pad": "x" * size}}


def ids(spool: Any) -> list[str]:
    """Name what waits, oldest first."""
    return [value["notice"]["EventId"] for _, value in spool.oldest(10_000)]


def test_what_waits_is_there_after_a_restart_in_order(tmp_path: Path):
    """A crash between two events loses neither."""
    spool = forwarder.Spool(str(tmp_path), 1 << 20, 100)
    for number in range(12):
        spool.add(a_change(number), number % 2 == 0)
    again = forwarder.Spool(str(tmp_path), 1 << 20, 100)
    assert [f"e-{number}" for number in range(12)] == ids(again)
    again.add(a_change(12), False)
    assert "e-12" == ids(again)[-1]


def test_a_file_that_a_crash_left_half_written_is_dropped(tmp_path: Path):
    """It cannot be sent, and must not stop what can."""
    spool = forwarder.Spool(str(tmp_path), 1 << 20, 100)
    spool.add(a_change(1), True)
    (tmp_path / "000000000002-n.json").write_text('{"seen": ')
    (tmp_path / "000000000003-n.json.new").write_text("{}")
    (tmp_path / "strange").write_text("{}")
    again = forwarder.Spool(str(tmp_path), 1 << 20, 100)
    assert ["e-1"] == ids(again)
    assert ["000000000001-u.json"] == [one.name for one in tmp_path.iterdir()]


def test_a_full_spool_loses_the_oldest_that_is_no_preemption(tmp_path: Path):
    """A freeze of an hour ago matters less than what comes now."""
    spool = forwarder.Spool(str(tmp_path), 1 << 20, 10)
    for number in range(10):
        spool.add(a_change(number), number == 0)
    assert spool.add(a_change(10), False)
    assert ["e-0", *(f"e-{number}" for number in range(2, 11))] == ids(spool)
    assert spool.lost == 1


def test_of_preemptions_alone_the_oldest_are_kept(tmp_path: Path):
    """The first one told is the first whose time is over; a later one finds no room."""
    spool = forwarder.Spool(str(tmp_path), 1 << 20, 10)
    for number in range(10):
        spool.add(a_change(number), True)
    assert not spool.add(a_change(10), True)
    assert not spool.add(a_change(11), False)
    assert [f"e-{number}" for number in range(10)] == ids(spool)


@given(
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, 30_000)), max_size=40),
    most=st.integers(1, 12),
)
def test_the_bound_holds_and_order_stays(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[bool, int]], most: int
):
    """Whatever comes: never more than allowed, no reordering, no preemption lost for less."""
    folder = tmp_path_factory.getbasetemp() / f"spool-{next(_folders)}"
    bound = 100_000
    spool = forwarder.Spool(str(folder), bound, most)
    for number, (is_urgent, size) in enumerate(changes):
        spool.add(a_change(number, size), is_urgent)
    kept = [int(one.partition("-")[2]) for one in ids(spool)]
    files = list(folder.iterdir())
    assert sorted(kept) == kept
    assert len(kept) == len(files) <= most
    assert sum(one.stat().st_size for one in files) <= bound
    urgent = [n for n, (is_urgent, _) in enumerate(changes) if is_urgent]
    if any(not changes[n][0] for n in kept):
        assert [n for n in urgent if n in kept] == urgent


def test_a_batch_is_under_a_megabyte_and_ids_do_not_change(tmp_path: Path):
    """The topic refuses more at once, and an id that changed would be no duplicate."""
    settings = forwarder.Settings({"TOPIC": "https://t/api/events", "VM_ID": "/s/vm"})
    spool = forwarder.Spool(str(tmp_path), 1 << 23, 100)
    for number in range(30):
        value = a_change(number, 90_000)
        spool.add({**value, "incarnation": 1}, False)
    sender = forwarder.Sender(settings, spool)
    first, again = sender._batch(), sender._batch()
    assert sum(len(body) for _, body in first) < 1_000_000
    assert len(first) == 9
    assert [body for _, body in first] == [body for _, body in again]
    assert len({json.loads(body)["id"] for _, body in first}) == 9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 03:04:35 GMT", "2026-11-22T03:04:35+00:00"),
        ("2026-11-22T03:04:35Z", "2026-11-22T03:04:35+00:00"),
        ("2026-11-22T03:04:35.500000+00:00", "2026-11-22T03:04:35.500000+00:00"),
        ("2026-11-22T03:04:35", "2026-11-22T03:04:35+00:00"),
        ("", None),
        ("soon", None),
        (None, None),
        (5, None),
    ],
)
def test_both_forms_of_not_before_are_read_and_a_blank_one_is_none(text, expected):
    """The platform writes RFC 1123, its own mock ISO 8601, and nothing once it is started."""
    found = forwarder.moment(text)
    assert expected == (found and found.isoformat())
