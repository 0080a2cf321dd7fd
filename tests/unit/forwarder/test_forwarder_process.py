"""The real program on a played machine: what it forwards, when, and what it bears."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.imds import Machine, instance
from sandbox.imds_notices import Platform
from shared.core.signals import Phase, SignalType
from shared.parsing import parse_events
from tests.forwarding import PROGRAM, Around, Forwarder, a_forwarder, until

MOST_RSS_KB = 30 * 1024


@pytest.fixture
def platform() -> Platform:
    """A platform on which nothing is announced."""
    return Platform()


@pytest.fixture
def machine(platform: Platform) -> Iterator[Machine]:
    """Instance 3 of the sandbox's scale set."""
    made = instance(3, platform)
    yield made
    made.close()


@pytest.fixture
def around() -> Iterator[Around]:
    """A topic and an app that answer."""
    made = Around().up()
    yield made
    made.down()


def rss_kb(forwarder: Forwarder) -> int:
    """Read how much memory it holds."""
    assert forwarder.process is not None
    text = Path(f"/proc/{forwarder.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def _answers(python: str | Path) -> bool:
    return not subprocess.run([python, "-V"], check=False, capture_output=True).returncode


def test_it_is_one_file_for_python_3_8_and_the_standard_library():
    """It is copied onto machines that have nothing else."""
    tree = ast.parse(PROGRAM.read_text(), feature_version=(3, 8))
    found = [n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)]
    found += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert [one for one in found if one.split(".")[0] not in sys.stdlib_module_names] == []


def test_it_runs_under_python_3_8(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """A name that came later than 3.8 shows only when it is reached."""
    found = [
        shutil.which("python3.8"),
        *Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"),
    ]
    old = next((str(one) for one in found if one and _answers(one)), "")
    if not old:
        pytest.skip("there is no Python 3.8 here; the syntax is checked by another test")
    with a_forwarder(machine, around, tmp_path) as forwarder:
        forwarder.kill()
        forwarder.start(old)
        platform.play("preempt", [machine.name], speed=30)
        until(lambda: len(around.said) == 3, why=forwarder.log)
        assert forwarder.stop() == 0


def test_each_change_is_one_event_that_the_app_reads(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Scheduled, started, gone: three events, each a signal about this very machine."""
    with a_forwarder(machine, around, tmp_path):
        notice = platform.play("preempt", [machine.name], speed=30)
        until(lambda: len(around.said) == 3)
    kinds = [("Preempt", state) for state in ("Scheduled", "Started", "Gone")]
    assert kinds == around.said
    signals = parse_events(around.events)
    wanted = (Phase.SCHEDULED, Phase.STARTED, Phase.COMPLETED)
    assert wanted == tuple(signal.phase for signal in signals)
    assert {(SignalType.VM_PREEMPT, machine.id, notice.id.lower())} == {
        (signal.type, signal.target, signal.event_id) for signal in signals
    }
    assert signals[0].deadline is not None


def test_an_announcement_that_is_withdrawn_is_told_as_canceled(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """What was begun for it must be undone, although the endpoint only falls silent."""
    with a_forwarder(machine, around, tmp_path):
        platform.play("preempt-withdrawn", [machine.name], withdrawn_s=2.0)
        until(lambda: len(around.said) == 2)
    assert [Phase.SCHEDULED, Phase.CANCELED] == [s.phase for s in parse_events(around.events)]


def test_the_same_change_has_the_same_id_whoever_sends_it_again(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """A forwarder that lost its disk sends again what it sees: a duplicate, by its id."""
    platform.play("reboot", [machine.name])
    with a_forwarder(machine, around, tmp_path) as forwarder:
        until(lambda: len(around.events) == 1)
        forwarder.kill()
        shutil.rmtree(forwarder.state)
        forwarder.start()
        until(lambda: len(around.events) == 2)
    first, second = around.events
    assert first["id"] == second["id"]
    assert first["source"] == second["source"]


def test_a_restart_sends_nothing_again_and_sees_what_disappeared_meanwhile(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """What it saw is on disk, so that a notice cannot vanish while it is away."""
    platform.play("preempt-withdrawn", [machine.name], withdrawn_s=2.0)
    with a_forwarder(machine, around, tmp_path) as forwarder:
        until(lambda: len(around.said) == 1)
        assert forwarder.stop() == 0
        time.sleep(2.2)
        forwarder.start()
        until(lambda: len(around.said) == 2)
    assert [("Preempt", "Scheduled"), ("Preempt", "Gone")] == around.said


def test_what_happens_while_the_network_is_away_arrives_later_in_order(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Spooled on disk: a restart in the middle loses nothing either."""
    around.down()
    with a_forwarder(machine, around, tmp_path) as forwarder:
        platform.play("freeze", [machine.name], notice_s=5.0, started_s=2.0)
        until(lambda: len(forwarder.spooled()) >= 1, why=forwarder.log)
        platform.play("preempt", [machine.name])
        until(lambda: len(forwarder.spooled()) >= 2, why=forwarder.log)
        platform.play("redeploy", [machine.name])
        until(lambda: len(forwarder.spooled()) >= 4, why=forwarder.log)
        forwarder.kill()
        forwarder.start()
        around.up()
        until(lambda: ("Freeze", "Gone") in around.said and not forwarder.spooled(), 30)
        expected = [
            ("Freeze", "Scheduled"),
            ("Preempt", "Scheduled"),
            ("Redeploy", "Scheduled"),
            ("Freeze", "Started"),
            ("Freeze", "Gone"),
        ]
        once = list(dict.fromkeys(around.said))  # a slow answer is asked for again
        assert expected == once
        assert forwarder.is_alive


def test_a_preemption_is_sent_at_once_although_older_events_had_to_wait(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Backing off from a broken topic must not cost an eviction its thirty seconds."""
    around.refuse = lambda _: 503
    with a_forwarder(machine, around, tmp_path) as forwarder:
        platform.play("freeze", [machine.name])
        until(lambda: "again in 4.0 s" in forwarder.log, 20, forwarder.log)
        around.refuse = lambda _: 200
        began = time.monotonic()
        platform.play("preempt", [machine.name])
        until(lambda: ("Preempt", "Scheduled") in around.said)
        assert time.monotonic() - began < 3.5  # below the 4 s that older ones wait
    assert [("Freeze", "Scheduled"), ("Preempt", "Scheduled")] == around.said


def test_one_event_that_the_topic_refuses_holds_up_no_other(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """A bad event is found by halving the batch, told in the log and left behind."""

    def refuse(batch):
        kinds = {e["data"]["document"]["Events"][0]["EventType"] for e in batch}
        return 400 if "Freeze" in kinds else 200

    around.refuse = refuse
    for story in ("reboot", "freeze", "preempt"):
        platform.play(story, [machine.name])
    with a_forwarder(machine, around, tmp_path) as forwarder:
        until(lambda: len(around.said) == 2 and not forwarder.spooled())
        assert {"Reboot", "Preempt"} == {kind for kind, _ in around.said}
        assert "the topic refused an event" in forwarder.log


def test_notices_about_other_machines_are_theirs_to_forward(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """The platform tells every member of a set; each speaks for itself unless told not to."""
    platform.play("freeze", ["aks-spot-1-vmss_8"])
    platform.play("reboot", [machine.name, "aks-spot-1-vmss_8"])
    with a_forwarder(machine, around, tmp_path):
        until(lambda: around.said)
        time.sleep(0.4)
        assert [("Reboot", "Scheduled")] == around.said
    with a_forwarder(machine, around, tmp_path / "all", forward="all"):
        until(lambda: len(around.said) == 3)
    assert ("Freeze", "Scheduled") in around.said


def test_a_hook_runs_before_any_network_answers(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """A checkpoint needs every one of the thirty seconds, also when the topic is away."""
    around.down()
    hook = tmp_path / "hook.sh"
    hook.write_text(
        "#!/bin/sh\n"
        f'echo "$NIGHTSHIFT_EVENT_ID $NIGHTSHIFT_EVENT_TYPE $NIGHTSHIFT_DEADLINE" '
        f">> {tmp_path}/ran.new\nmv {tmp_path}/ran.new {tmp_path}/ran\n"
    )
    hook.chmod(0o755)
    with a_forwarder(machine, around, tmp_path, hook=hook) as forwarder:
        platform.play("freeze", [machine.name])
        until(forwarder.spooled)
        notice = platform.play("preempt", [machine.name])
        ran = until(lambda: (tmp_path / "ran").exists() and tmp_path / "ran")
        shown = [c for c in platform.calls if c["time"] >= notice.announced_at]
        assert ran.stat().st_mtime - shown[0]["time"] < 2.5  # below network_timeout
        told = ran.read_text().split()
        assert [notice.id, "Preempt"] == told[:2]
        assert abs(notice.starts_at - _epoch(told[2])) < 1.0
        time.sleep(0.4)
        assert len(ran.read_text().splitlines()) == 1
        assert "hook: for" in forwarder.log


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), (None, 127)])
def test_how_a_hook_ended_is_forwarded_after_its_notice(
    platform: Platform,
    machine: Machine,
    around: Around,
    tmp_path: Path,
    script: str | None,
    code: int,
):
    """Nightshift waits for it where a rule says that the hook is the checkpoint."""
    hook = tmp_path / "hook.sh"
    if script is not None:
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
    with a_forwarder(machine, around, tmp_path, hook=hook):
        platform.play("preempt", [machine.name])
        told = until(lambda: [e for e in around.events if "hookExitCode" in e["data"]])
    assert [code] == [one["data"]["hookExitCode"] for one in told]
    first, *_ = around.events
    assert "hookExitCode" not in first["data"]
    assert len({e["id"] for e in around.events}) == len(around.events)
    (signal,) = parse_events(json.dumps(told[0]))
    assert code == signal.attributes["hook_exit_code"]


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_a_hook_that_never_ends_holds_up_nothing_and_is_ended(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Its whole process group goes, so that no child of a script is left behind."""
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    hook.chmod(0o755)
    with a_forwarder(machine, around, tmp_path, hook=hook, hook_timeout=1) as forwarder:
        platform.play("preempt", [machine.name])
        until(lambda: ("Preempt", "Scheduled") in around.said)
        child = int(until(lambda: (tmp_path / "child").exists() and _text(tmp_path / "child")))
        until(lambda: "took too long" in forwarder.log)
        until(lambda: not _lives(child))


def _text(path: Path) -> str:
    return path.read_text().strip()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", ["missing", "no program", "no shebang"])
def test_a_hook_that_cannot_be_started_is_told_and_costs_nothing(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path, how: str
):
    """The notice goes on without it."""
    hook = tmp_path / "hook"
    if how != "missing":
        hook.write_text("echo\n")
        hook.chmod(0o755 if how == "no shebang" else 0o644)
    with a_forwarder(machine, around, tmp_path, hook=hook) as forwarder:
        platform.play("preempt", [machine.name])
        until(lambda: around.said)
        assert "could not be started" in forwarder.log


HOSTILE = [
    {"kind": "garbage"},
    {"kind": "huge"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 410},
    {"kind": "text", "text": "<html>"},
    {"kind": "text", "text": "[" * 100_000},
    {"kind": "text", "text": "[]"},
    {"kind": "text", "text": '{"Events": 5}'},
    {"kind": "text", "text": '{"Events": [5, null, {"EventId": 7}]}'},
    {"kind": "text", "text": json.dumps({"Events": [{}] * 5000})},
    {"kind": "text", "text": ""},
]


def test_a_hostile_endpoint_neither_ends_it_nor_makes_it_forget(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Garbage is not an empty document: no notice is said to be gone because of it."""
    platform.play("reboot", [machine.name])
    with a_forwarder(machine, around, tmp_path, poll=0.05) as forwarder:
        until(lambda: around.said)
        platform.faults.extend({**fault, "count": 2} for fault in HOSTILE)
        until(lambda: not platform.faults, 30)
        platform.play("preempt", [machine.name])
        until(lambda: ("Preempt", "Scheduled") in around.said)
        assert [("Reboot", "Scheduled"), ("Preempt", "Scheduled")] == around.said
        assert rss_kb(forwarder) < MOST_RSS_KB


def test_the_first_answer_may_take_its_time(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Two minutes on a machine that never asked before; later ones are not waited for."""
    platform.faults.append({"kind": "delay", "seconds": 2})
    platform.play("preempt", [machine.name])
    with a_forwarder(machine, around, tmp_path, timeout=0.5) as forwarder:
        until(lambda: around.said)
        assert "failed" not in forwarder.log
        platform.faults.append({"kind": "delay", "seconds": 2})
        until(lambda: "looking for events failed" in forwarder.log)
        until(lambda: "answers again" in forwarder.log)


def test_a_topic_that_answers_garbage_or_nothing_is_tried_again(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Whatever it answers but yes, the event stays on disk until it is taken."""
    statuses = iter([500, 401, 429, 302, 404])
    around.refuse = lambda _: next(statuses, 200)
    platform.play("preempt", [machine.name])
    with a_forwarder(machine, around, tmp_path) as forwarder:
        until(lambda: around.said, 40)
        until(lambda: not forwarder.spooled())
    assert [("Preempt", "Scheduled")] == around.said


def test_a_token_is_fetched_once_and_sent_with_every_batch(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """The identity's endpoint throttles who asks it for every call."""
    platform.issue_token = lambda audience: (f"for:{audience}", int(time.time()) + 3600)
    with a_forwarder(machine, around, tmp_path):
        platform.play("preempt", [machine.name], speed=30)
        until(lambda: len(around.said) == 3)
    asked = [c for c in platform.calls if "oauth2/token" in c["path"]]
    assert len(asked) == 1
    sent = {h["Authorization"] for h in around.headers if "Authorization" in h}
    assert {"Bearer for:https://eventgrid.azure.net/"} == sent


def test_a_token_that_is_about_to_end_is_renewed(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """Five minutes before its end the next is fetched; the old one serves till then."""
    platform.issue_token = lambda _: ("short", int(time.time()) + 200)
    with a_forwarder(machine, around, tmp_path):
        platform.play("preempt", [machine.name], speed=30)
        until(lambda: len(around.said) == 3)
    assert len([c for c in platform.calls if "oauth2/token" in c["path"]]) >= 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"FORWARDER_TOPIC": ""}, "FORWARDER_TOPIC is '': it is not an https:// address"),
        ({"FORWARDER_TOPIC": "https://t/api"}, "does not end in /api/events"),
        ({"FORWARDER_TOPIC": "http://t/api/events"}, "it is not an https:// address"),
        ({"FORWARDER_POLL": "never"}, "it is not a number from 0.05 to 60"),
        ({"FORWARDER_HOOK_ON": "Evict"}, "not among Freeze, Reboot"),
        ({"FORWARDER_HOOK": "rm -rf"}, "it is not a whole path"),
        ({"FORWARDER_TOPICS": "x"}, "FORWARDER_TOPICS is not known"),
        ({"FORWARDER_CONFIG": "/nowhere"}, "/nowhere cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be(settings, said):
    """It ends with 2, which systemd does not restart: a person must look."""
    environ = {"PATH": os.environ["PATH"], "FORWARDER_TOPIC": "https://t/api/events"}
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert said in done.stderr


def test_settings_come_from_a_file_and_the_environment_over_it(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """A file for the fleet, a variable for the one machine that differs."""
    config = tmp_path / "forwarder.conf"
    config.write_text(
        f"# for the fleet\nFORWARDER_TOPIC={around.topic}\nFORWARDER_FORWARD='all'\n"
        "FORWARDER_POLL=7\n"
    )
    platform.play("freeze", ["aks-spot-1-vmss_8"])
    settings = {"topic": "", "forward": "", "config": config}
    with a_forwarder(machine, around, tmp_path, **settings):
        until(lambda: around.said)


def test_a_disk_that_takes_nothing_leaves_events_in_memory(
    platform: Platform, machine: Machine, around: Around, tmp_path: Path
):
    """An eviction on a machine with a full disk is an eviction all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with a_forwarder(machine, around, tmp_path, state=blocked / "state") as forwarder:
        platform.play("preempt", [machine.name])
        until(lambda: around.said)
        assert "stay in memory" in forwarder.log
