"""``nightshift report``: one report of many, worst first, and what was not read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from cli.main import main
from cli.report import together


def finding(name: str, severity: str, **changes: str) -> dict[str, Any]:
    """Write a finding as the app does."""
    plain = {
        "target": f"/subscriptions/s/{name}",
        "name": name,
        "severity": severity,
        "evidence": "0 of 3 have it",
        "guidance": "https://example.org/how",
        "fixed_by": "",
        "fix": "Install it.",
        "decision": "observe_only",
    }
    return {**plain, **changes}


def report(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Write a report as the app does."""
    plain = {
        "survey": "machine_monitoring",
        "subscription": "s",
        "began_at": "2030-01-10T00:00:00Z",
        "is_whole": True,
        "unread": [],
        "left_out": 0,
        "findings": list(findings),
    }
    return {**plain, **changes}


@pytest.fixture
def app() -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    """Serve what a test puts into the list, on this machine; note what was asked."""
    asked: list[str] = []
    reports: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"reports": reports}).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked, reports
    server.shutdown()
    server.server_close()


def test_the_worst_is_said_first():
    """Whoever reads only the top of a page reads what matters."""
    mixed = report(finding("a", "informational"), finding("b", "critical"))
    said = together([mixed, report(finding("c", "error"))], "informational")
    assert ["b", "c", "a"] == [one["name"] for one in said["findings"]]
    assert {"critical": 1, "error": 1, "warning": 0, "informational": 1} == said["by_severity"]


def test_what_is_less_bad_than_asked_for_is_left_out():
    """A morning's look may be at errors alone."""
    mixed = report(finding("a", "warning"), finding("b", "error"))
    assert ["b"] == [one["name"] for one in together([mixed], "error")["findings"]]


def test_one_report_that_is_not_whole_makes_the_whole_not_whole():
    """A clean page must not come of half an estate."""
    half = report(is_whole=False, unread=["vms of s: 403"])
    said = together([report(), half], "informational")
    assert (False, ["vms of s: 403"]) == (said["is_whole"], said["unread"])


def test_a_person_reads_what_it_is_and_what_to_do(app, capsys):
    """Severity, target, evidence, decision, fix and guidance, and what was not read."""
    url, asked, reports = app
    known = finding("agent_missing", "error", fixed_by="ask_a_person")
    reports.append(report(known, unread=["arc of s: 403"], is_whole=False))
    code = main(["report", "machine_monitoring", "--url", url, "--key", "k"])
    said = capsys.readouterr().out
    assert (0, ["/api/reports?survey=machine_monitoring"]) == (code, asked)
    assert "1 surveys, 1 subscriptions: 0 critical, 1 error" in said
    for words in (
        "agent_missing  /subscriptions/s/agent_missing",
        "0 of 3 have it (observe_only)",
        "to do: Install it.; remediation ask_a_person",
        "see:   https://example.org/how",
        "arc of s: 403",
    ):
        assert words in said


def test_a_program_reads_the_same_as_json(app, capsys):
    """What a person sees can be counted by a pipeline."""
    url, _, reports = app
    reports.append(report(finding("a", "error")))
    assert 0 == main(["report", "--url", url, "--key", "k", "--json"])
    assert ["a"] == [one["name"] for one in json.loads(capsys.readouterr().out)["findings"]]


def test_no_report_is_no_clean_bill(app, capsys):
    """Nothing looked, so nothing was found."""
    url, _, _ = app
    assert 0 == main(["report", "--url", url, "--key", "k"])
    assert "no report yet" in capsys.readouterr().out
