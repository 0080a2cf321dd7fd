"""The played endpoint keeps to what the vendor documents, by the clock."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.imds import Machine, instance
from sandbox.imds_notices import Notice, Platform

ROOT = Path(__file__).parents[3]
EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
NAME = "aks-spot-1-vmss_3"


@pytest.fixture
def platform() -> Platform:
    """A platform on which nothing is announced."""
    return Platform()


@pytest.fixture
def machine(platform: Platform) -> Iterator[Machine]:
    """Instance 3."""
    made = instance(3, platform)
    yield made
    made.close()


def call(
    machine: Machine, path: str = EVENTS, body: Any = None, *, metadata: str = "true"
) -> tuple[int, Any]:
    """Ask the endpoint."""
    headers = {"Metadata": metadata} if metadata else {}
    data = json.dumps(body).encode() if body is not None else None
    url = machine.url + path
    asked = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - http, ours
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - http, ours
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def a_notice(**fields: Any) -> Notice:
    """Make a notice announced at 1000, started at 1030, gone at 1040."""
    values = {"machines": (NAME,), "announced_at": 1000.0, "notice_s": 30.0, "started_s": 10.0}
    return Notice("Preempt", **{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "at", "state"),
    [
        ({}, 999.0, ""),
        ({}, 1000.0, "Scheduled"),
        ({}, 1029.9, "Scheduled"),
        ({}, 1030.0, "Started"),
        ({}, 1040.0, ""),
        ({"approved_at": 1010.0}, 1010.0, "Started"),
        ({"approved_at": 1010.0}, 1020.0, ""),
        ({"approved_at": 1035.0}, 1031.0, "Started"),
        ({"withdrawn_s": 15.0}, 1014.9, "Scheduled"),
        ({"withdrawn_s": 15.0}, 1015.0, ""),
        ({"withdrawn_s": 15.0, "approved_at": 1010.0}, 1016.0, "Started"),
        ({"notice_s": 0.0}, 1000.0, "Started"),
    ],
)
def test_a_notice_is_where_the_clock_says(fields: dict[str, Any], at: float, state: str):
    """Scheduled, started at its moment or when it is approved, gone; or withdrawn."""
    assert state == a_notice(**fields).state(at)


def test_a_started_notice_has_no_moment_any_more():
    """As the platform has it: blank, and RFC 1123 before."""
    notice = a_notice()
    assert "Thu, 01 Jan 1970 00:17:10 GMT" == notice.to_json(1001.0)["NotBefore"]
    assert "" == notice.to_json(1031.0)["NotBefore"]


@pytest.mark.parametrize(
    ("path", "metadata", "status"),
    [
        (EVENTS, "true", 200),
        (EVENTS, "", 400),
        ("/metadata/scheduledevents", "true", 400),
        ("/metadata/scheduledevents?api-version=2031-01-01", "true", 400),
        ("/metadata/identity/oauth2/token?api-version=2018-02-01", "true", 400),
        ("/metadata/attested", "true", 404),
    ],
)
def test_it_refuses_what_the_platform_refuses(machine, path, metadata, status):
    """A forwarder that forgot the header works nowhere, so it must not work here."""
    assert status == call(machine, path, metadata=metadata)[0]


def test_the_incarnation_rises_only_when_the_events_change(platform, machine):
    """A client may skip a document that it has seen."""
    first = call(machine)[1]["DocumentIncarnation"]
    assert first == call(machine)[1]["DocumentIncarnation"]
    platform.play("reboot", [NAME])
    second = call(machine)[1]["DocumentIncarnation"]
    assert second == first + 1
    assert second == call(machine)[1]["DocumentIncarnation"]


def test_one_approval_starts_it_for_every_machine(platform, machine):
    """And approving again is taken, as the platform takes it."""
    other = instance(4, platform)
    notice = platform.play("reboot", [machine.name, other.name], started_s=60.0)
    body = {"StartRequests": [{"EventId": notice.id}]}
    assert [200, 200] == [call(machine, body=body)[0], call(machine, body=body)[0]]
    assert "Started" == call(other)[1]["Events"][0]["EventStatus"]
    assert 2 == len(platform.approvals)
    other.close()


@pytest.mark.parametrize(
    "body", [{}, {"StartRequests": [{}]}, {"StartRequests": [{"EventId": "nobody"}]}]
)
def test_a_malformed_or_unknown_approval_is_refused(platform, machine, body):
    """Nothing begins because of it."""
    platform.play("reboot", [NAME])
    assert 400 == call(machine, body=body)[0]
    assert [] == platform.approvals


def test_only_those_that_hear_of_it_are_told(platform, machine):
    """Some GPU machines are told only of their own notices."""
    platform.play("freeze", [NAME], only_to=("aks-spot-1-vmss_9",))
    assert [] == call(machine)[1]["Events"]


def test_by_hand_it_plays_a_story_and_tells_of_it():
    """The command of the documentation, controls and all."""
    command = [sys.executable, "-m", "sandbox.imds", "--machines", "2", "--play", "preempt"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            shown = json.loads(running.stdout.readline())["machines"]
            assert 2 == len(shown)
            made = _At(shown[0]["url"])
            [event] = call(made)[1]["Events"]
            assert ("Preempt", "Scheduled") == (event["EventType"], event["EventStatus"])
            assert 2 == len(event["Resources"])
            status, told = call(made, "/_play", {"story": "terminate", "speed": 100})
            assert (200, "Terminate") == (status, told["EventType"])
            assert 400 == call(made, "/_play", {"story": "nothing"})[0]
            call(made, body={"StartRequests": [{"EventId": event["EventId"]}]})
            assert event["EventId"] == call(made, "/_approvals")[1][0]["event"]
            time.sleep(0.05)
        finally:
            running.terminate()
        assert 0 == running.wait(10)


class _At:
    """A machine of another process."""

    def __init__(self, url: str) -> None:
        self.url = url
