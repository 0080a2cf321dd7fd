"""The forwarder asks before it approves, and of several machines one approves for all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.imds import instance
from sandbox.imds_notices import Platform
from tests.forwarding import Around, a_forwarder, until


@pytest.fixture
def around() -> Iterator[Around]:
    """A topic and an app that answer."""
    made = Around().up()
    yield made
    made.down()


def answer(state: str, **more: object) -> dict[str, object]:
    """Say what Nightshift says of a notice."""
    return {"event_id": "", "state": state, "by": "forwarder", "acknowledged_at": None, **more}


@pytest.mark.parametrize(
    "said",
    [
        answer("waiting"),
        answer("refused"),
        answer("unknown"),
        answer("ready", acknowledged_at="2030-01-01T03:00:00Z"),
        answer("ready", by="control_plane"),
        b"<html>ready</html>",
        b'["ready"]',
        None,
    ],
    ids=["waiting", "refused", "unknown", "acknowledged", "app", "html", "list", "missing"],
)
def test_nothing_but_ready_approves(around: Around, tmp_path: Path, said):
    """An approval hastens the blow for every machine that the notice names."""
    platform = Platform()
    machine = instance(3, platform)
    notice = platform.play("reboot", [machine.name])
    around.answers[notice.id.lower()] = said
    with a_forwarder(machine, around, tmp_path, ask=0.1) as forwarder:
        until(lambda: len(around.asked) >= 4)
        assert platform.approvals == []
        assert forwarder.is_alive
    machine.close()


def test_ready_approves_once(around: Around, tmp_path: Path):
    """Also after a restart: what was approved is on disk."""
    platform = Platform()
    machine = instance(3, platform)
    notice = platform.play("reboot", [machine.name], notice_s=60.0, started_s=60.0)
    around.answers[notice.id.lower()] = answer("waiting")
    with a_forwarder(machine, around, tmp_path, ask=0.1, turn=0) as forwarder:
        until(lambda: around.asked)
        around.answers[notice.id.lower()] = answer("ready")
        until(lambda: ("Reboot", "Started") in around.said)
        forwarder.kill()
        forwarder.start()
        time.sleep(0.6)
    assert [(machine.name, notice.id)] == [
        (a["machine"], a["event"]) for a in platform.approvals
    ]
    machine.close()


def test_of_three_machines_one_approves_for_all(around: Around, tmp_path: Path):
    """StartRequests counts for every machine that the notice names: one is enough."""
    platform = Platform()
    machines = [instance(number, platform) for number in range(3)]
    names = [one.name for one in machines]
    notice = platform.play("redeploy", names, notice_s=60.0, started_s=60.0)
    around.answers[notice.id.lower()] = answer("ready")
    with ExitStack() as running:
        for machine in machines:
            running.enter_context(a_forwarder(machine, around, tmp_path, ask=0.1, turn=6))
        until(lambda: around.said.count(("Redeploy", "Started")) == 3)
        time.sleep(6.5)
    assert [names[0]] == [a["machine"] for a in platform.approvals]
    for machine in machines:
        machine.close()


def test_if_the_first_machine_hangs_the_next_one_approves(around: Around, tmp_path: Path):
    """The others wait for their turn, and then do not wait for ever."""
    platform = Platform()
    machines = [instance(number, platform) for number in range(2)]
    notice = platform.play("redeploy", [one.name for one in machines])
    around.answers[notice.id.lower()] = answer("ready")
    with a_forwarder(machines[1], around, tmp_path, ask=0.1, turn=4):
        time.sleep(0.8)
        assert platform.approvals == []
        until(lambda: platform.approvals)
    assert [machines[1].name] == [a["machine"] for a in platform.approvals]
    for machine in machines:
        machine.close()


def test_an_app_that_hangs_holds_up_no_notice(around: Around, tmp_path: Path):
    """Asking has a thread of its own: the next eviction is sent meanwhile."""
    platform = Platform()
    machine = instance(3, platform)
    platform.play("reboot", [machine.name])
    deaf = Around().up()
    deaf.answers = _Slow()
    with a_forwarder(machine, around, tmp_path, app=deaf.app, ask=0.1, network_timeout=30):
        until(lambda: around.said and deaf.asked)
        began = time.monotonic()
        platform.play("preempt", [machine.name])
        until(lambda: ("Preempt", "Scheduled") in around.said)
        assert time.monotonic() - began < 8
    deaf.down()
    machine.close()


class _Slow(dict):
    """Answers of an app that thinks for a long time."""

    def get(self, *_: object) -> None:
        time.sleep(10)


def test_it_shows_the_app_a_key_from_a_file_and_a_token(around: Around, tmp_path: Path):
    """Both ways of guarding a Functions app: a function key, or Entra in front."""
    platform = Platform(issue_token=lambda a: (f"for:{a}", int(time.time()) + 3600))
    machine = instance(3, platform)
    platform.play("reboot", [machine.name])
    key = tmp_path / "key"
    key.write_text("a-function-key\n")
    more = {"app_key_file": key, "app_audience": "api://nightshift"}
    with a_forwarder(machine, around, tmp_path, **more):
        until(lambda: around.asked)
    shown = [h for h in around.headers if "x-functions-key" in h]
    assert "a-function-key" == shown[0]["x-functions-key"]
    assert "Bearer for:api://nightshift" == shown[0]["Authorization"]
    machine.close()


def test_a_key_that_is_missing_approves_nothing_and_ends_nothing(
    around: Around, tmp_path: Path
):
    """The file may come later: it is read anew for every question."""
    platform = Platform()
    machine = instance(3, platform)
    notice = platform.play("reboot", [machine.name])
    around.answers[notice.id.lower()] = answer("ready")
    key = tmp_path / "key"
    with a_forwarder(machine, around, tmp_path, app_key_file=key, turn=0) as forwarder:
        until(lambda: "the key's file" in forwarder.log)
        assert platform.approvals == []
        key.write_text("k")
        until(lambda: platform.approvals)
    machine.close()
