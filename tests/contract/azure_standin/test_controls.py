"""The stand-in's own endpoints: the world, the calls, the faults; and how it starts."""

import http.client
import json
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import pytest

from tests.contract.azure_standin.running import ROOT, Standin, started
from tests.contract.azure_standin.worlds import vm, vm_id, world

PATH = f"{vm_id('a')}?api-version=2026-04-01"


def test_the_world_read_is_a_world_that_can_be_put(azure_standin: Standin) -> None:
    """A test takes the world down, changes a thing, and puts it back."""
    azure_standin.put_world(world(vm("a"), vm("b")))
    first = azure_standin.world()
    azure_standin.put_world(first)
    assert first == azure_standin.world()
    assert "PowerState/running" in json.dumps(first)


def test_a_bad_world_is_refused_and_the_old_one_stays(azure_standin: Standin) -> None:
    """The message says where and what would be right."""
    azure_standin.put_world(world(vm("a")))
    status, body, _ = azure_standin.request("PUT", "/_world", {"resources": [{"id": "vm"}]})
    assert 400 == status
    assert "resources[0].id" in body["error"]["message"]
    assert ["a"] == [one["name"] for one in azure_standin.world()["resources"]]


def test_calls_are_recorded_without_tokens(azure_standin: Standin) -> None:
    """Time, method, path, status and duration; bodies of writes; nothing secret."""
    azure_standin.put_world(world(vm("a")))
    azure_standin.arm("GET", PATH)
    azure_standin.arm("PATCH", PATH, {"tags": {"x": "y"}})
    asked, got, _, patched = azure_standin.calls()
    assert "/msi/token" in asked["path"]
    assert {"time", "method", "path", "status", "ms"} == set(got)
    assert (200, PATH) == (got["status"], got["path"])
    assert {"tags": {"x": "y"}} == patched["body"]
    assert "Bearer" not in json.dumps([asked, got, patched])
    assert 204 == azure_standin.request("DELETE", "/_calls")[0]
    assert [] == azure_standin.calls()


def test_a_fault_meets_as_many_calls_as_it_counts(azure_standin: Standin) -> None:
    """Throttling twice and then no more: what a retry has to get through."""
    azure_standin.put_world(world(vm("a")))
    azure_standin.fault(
        pattern="GET .*/virtualMachines/a",
        status=429,
        headers={"Retry-After": "1"},
        count=2,
    )
    answers = [azure_standin.arm("GET", PATH) for _ in range(3)]
    assert [429, 429, 200] == [status for status, _, _ in answers]
    assert "1" == answers[0][2]["Retry-After"]
    assert "TooManyRequests" == answers[0][1]["error"]["code"]
    recorded = azure_standin.calls(containing="virtualMachines/a")
    assert [429, 429, 200] == [call["status"] for call in recorded]


def test_a_fault_may_delay_and_may_drop_the_connection(azure_standin: Standin) -> None:
    """Slow and dead are the other two ways in which a network fails."""
    azure_standin.put_world(world(vm("a")))
    azure_standin.fault(pattern="GET .*/virtualMachines/a", delay=0.3)
    azure_standin.fault(pattern="GET .*/virtualMachines/a", drop_connection=True)
    began = time.monotonic()
    assert 200 == azure_standin.arm("GET", PATH)[0]
    assert time.monotonic() - began >= 0.3
    with pytest.raises((urllib.error.URLError, http.client.HTTPException, ConnectionError)):
        azure_standin.arm("GET", PATH)
    assert 200 == azure_standin.arm("GET", PATH)[0]
    recorded = azure_standin.calls(containing="virtualMachines/a")
    assert [200, None, 200] == [call["status"] for call in recorded]


def test_an_answer_can_be_lost_after_its_effect(azure_standin: Standin) -> None:
    """The worst case of a crash: it happened, and nobody was told."""
    azure_standin.put_world(world(vm("a")))
    azure_standin.fault(pattern="PATCH ", drop_connection=True, after_effect=True)
    with pytest.raises((urllib.error.URLError, http.client.HTTPException, ConnectionError)):
        azure_standin.arm("PATCH", PATH, {"tags": {"done": "yes"}})
    assert {"done": "yes"} == azure_standin.resource(vm_id("a"))["tags"]


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"status": 429}, "pattern"),
        ({"pattern": "x", "stat": 1}, "stat"),
        ({"pattern": "x", "status": 42}, "42"),
        ({"pattern": "("}, "pattern"),
        ({"pattern": "x", "headers": "Retry-After"}, "headers"),
        ({"pattern": "x", "count": "3"}, "count"),
    ],
)
def test_a_fault_that_cannot_be_ordered_is_refused(
    azure_standin: Standin, order: dict[str, object], named: str
) -> None:
    """A fault that silently never strikes makes a test pass for nothing."""
    status, body, _ = azure_standin.request("POST", "/_faults", order)
    assert (400, True) == (status, named in body["error"]["message"])


def test_an_unknown_control_and_an_unknown_service_name_the_known(
    azure_standin: Standin,
) -> None:
    """A typo in a test's address is found at once."""
    control = azure_standin.request("GET", "/_wrold")
    service = azure_standin.request("GET", "/nothing/here")
    assert (404, True) == (control[0], "/_world" in control[1]["error"]["message"])
    assert (404, True) == (service[0], "subscriptions" in service[1]["error"]["message"])


def test_two_stand_ins_run_side_by_side_with_worlds_of_their_own(
    azure_standin: Standin, tmp_path: Path
) -> None:
    """Ports are picked freely; certificates and tokens of one open nothing of the other."""
    azure_standin.put_world(world(vm("a")))
    with started(tmp_path, world(vm("b"))) as other:
        assert ["b"] == [one["name"] for one in other.world()["resources"]]
        stolen = azure_standin.token("https://management.azure.com")
        status, _, _ = other.request(
            "GET",
            f"{vm_id('b')}?api-version=2026-04-01",
            headers={"Authorization": f"Bearer {stolen}"},
        )
    assert 401 == status


def test_a_world_file_that_cannot_be_used_ends_the_start_with_its_reason(
    tmp_path: Path,
) -> None:
    """One message, naming the place; no traceback."""
    bad = tmp_path / "world.json"
    bad.write_text('{"machines": []}')
    ran = subprocess.run(
        [sys.executable, "-m", "sandbox.azure", "--state", str(tmp_path), "--world", str(bad)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (2, "") == (ran.returncode, ran.stdout)
    assert "machines" in ran.stderr
    assert "Traceback" not in ran.stderr
