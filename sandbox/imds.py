"""The endpoint inside a virtual machine, played: notices, identity, approvals.

One *platform* has any number of *machines*, each with an address of its own, as every VM
has. What a machine is told is in ``sandbox.imds_notices``. It is a test double and ships
with nothing.

    python -m sandbox.imds --machines 3 --play preempt

prints one line of JSON with the addresses, and ends on SIGTERM. ``sandbox/README.md``
has the controls.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from sandbox.imds_notices import STORIES, Json, Platform

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
SCALE_SET = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/train/providers/Microsoft.Compute/"
    "virtualMachineScaleSets/aks-spot-1-vmss"
)
VERSIONS = ("2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01")
HUGE = 100 * 1024 * 1024


@dataclass
class Machine:
    """One virtual machine: who it is, and where its endpoint listens."""

    platform: Platform
    id: str
    scale_set: str = ""
    server: ThreadingHTTPServer | None = None

    @property
    def name(self) -> str:
        """Its name in notices: ``{scale set}_{number}``, or the VM's own."""
        parts = self.id.split("/")
        is_instance = parts[-4].lower() == "virtualmachinescalesets"
        return f"{parts[-3]}_{parts[-1]}" if is_instance else parts[-1]

    @property
    def url(self) -> str:
        """The address that stands for 169.254.169.254."""
        if self.server is None:
            raise ValueError(f"{self.name} does not listen")
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def compute(self) -> Json:
        """Write what the instance endpoint says of it.

        Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
        """
        parts = self.id.split("/")
        return {
            "name": self.name,
            "resourceId": self.id,
            "subscriptionId": parts[2],
            "resourceGroupName": parts[4],
            "vmScaleSetName": self.scale_set.rpartition("/")[2],
        }

    def listen(self, port: int = 0) -> Machine:
        """Serve from a thread, at a free port unless one is named."""
        kind = type("Door", (_Door,), {"machine": self})
        self.server = _House(("127.0.0.1", port), kind)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()


def instance(number: int, platform: Platform, *, port: int = 0) -> Machine:
    """Make an instance of the sandbox's scale set, and let it listen."""
    name = f"{SCALE_SET}/virtualMachines/{number}"
    return Machine(platform, name, SCALE_SET).listen(port)


class _House(ThreadingHTTPServer):
    """A server that takes it calmly when somebody hangs up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of what is wrong here, and not of a client that has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Door(BaseHTTPRequestHandler):
    """Answers one connection of one machine."""

    machine: Machine
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer a read."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Answer an approval, or a control."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Answer a control."""
        self._serve("DELETE")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the calls are kept."""

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path.startswith("/_"):
            self._send(*_control(self.machine, method, parts.path, body))
            return
        status, value = self._answer(method, parts.path, query, body)
        entry = {"machine": self.machine.name, "method": method, "path": self.path}
        self.machine.platform.calls.append({**entry, "status": status, "time": time.time()})
        if value is not None:
            self._send(status, value)

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: bytes
    ) -> tuple[int, Json | None]:
        if self.headers.get("Metadata", "").lower() != "true":
            return 400, {"error": "Bad request. Required metadata header not specified"}
        if "X-Forwarded-For" in self.headers:
            return 400, {"error": "Bad request. A proxy stands between"}
        if path == "/metadata/scheduledevents":
            if query.get("api-version") not in VERSIONS:
                known = {"error": "Bad request", "newest-versions": list(reversed(VERSIONS))}
                return 400, known
            return self._events(method, body)
        if path == "/metadata/identity/oauth2/token" and method == "GET":
            return self._token(query)
        if path == "/metadata/instance/compute" and method == "GET":
            return 200, self.machine.compute()
        return 404, {"error": "Not found"}

    def _events(self, method: str, body: bytes) -> tuple[int, Json | None]:
        platform, name = self.machine.platform, self.machine.name
        if method == "POST":
            try:
                asked = [one["EventId"] for one in json.loads(body)["StartRequests"]]
            except (ValueError, KeyError, TypeError):
                return 400, {"error": "StartRequests is missing or malformed"}
            taken = [platform.approve(name, str(one)) for one in asked]
            return (200, {}) if asked and all(taken) else (400, {"error": "no such event"})
        fault = platform.fault()
        if fault is not None:
            return self._broken(fault)
        return 200, platform.document(name)

    def _broken(self, fault: Json) -> tuple[int, Json | None]:
        """Answer as the endpoint should not: by a status, with garbage, or without end."""
        kind = fault["kind"]
        if kind == "delay":
            time.sleep(fault.get("seconds", 1))
            return 200, self.machine.platform.document(self.machine.name)
        if kind == "status":
            return int(fault.get("status", 500)), {"error": "ordered by a test"}
        self.close_connection = True
        if kind == "garbage":
            self.wfile.write(bytes(range(256)) * 8)
        elif kind == "text":
            self._write(200, str(fault.get("text", "")).encode())
        elif kind == "huge":
            self._pour(HUGE)
        return 200, None

    def _pour(self, size: int) -> None:
        """Send a document without end, until nobody reads on."""
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        try:
            for _ in range(size // 65536):
                self.wfile.write(b" " * 65536)
        except OSError:
            return

    def _token(self, query: Mapping[str, str]) -> tuple[int, Json | None]:
        if not query.get("resource") or query.get("api-version") != "2018-02-01":
            return 400, {"error": "invalid_request"}
        token, expires = self.machine.platform.issue_token(query["resource"])
        return 200, {
            "access_token": token,
            "expires_on": str(expires),
            "resource": query["resource"],
            "token_type": "Bearer",
        }

    def _send(self, status: int, value: Any) -> None:
        self._write(status, json.dumps(value).encode())

    def _write(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _control(machine: Machine, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Answer a control: what to play, what was approved, what was asked, what to break."""
    platform = machine.platform
    if (method, path) == ("POST", "/_play"):
        try:
            given = json.loads(body or b"{}")
            name = given.pop("story")
            named = given.pop("machines", [machine.name])
            notice = platform.play(name, named, **given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            known = ", ".join(STORIES)
            return 400, {"error": f"{error!r}: story is one of {known}"}
        return 200, notice.to_json(time.time())
    if (method, path) == ("POST", "/_faults"):
        platform.faults.extend(json.loads(body))
        return 200, {}
    shown = {"/_approvals": platform.approvals, "/_calls": platform.calls}
    if path in shown and method in {"GET", "DELETE"}:
        found = list(shown[path])
        if method == "DELETE":
            shown[path].clear()
        return 200, found
    return 404, {"error": "controls: POST /_play, POST /_faults, GET /_approvals, GET /_calls"}


def tokens_of(endpoint: str, header: str, ca_file: str) -> Callable[[str], tuple[str, int]]:
    """Fetch tokens from the Azure stand-in, so that its services take them."""
    trust = ssl.create_default_context(cafile=ca_file)

    def issue(audience: str) -> tuple[str, int]:
        wanted = quote(audience.rstrip("/"), safe="")
        url = f"{endpoint}?api-version=2019-08-01&resource={wanted}"
        asked = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": header})  # noqa: S310 - the stand-in's
        with urllib.request.urlopen(asked, context=trust, timeout=10) as answer:  # noqa: S310 - the stand-in's
            found = json.load(answer)
        return found["access_token"], int(found["expires_on"])

    return issue


def main() -> int:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.imds")
    parser.add_argument("--machines", type=int, default=1, help="how many instances")
    parser.add_argument("--port", type=int, default=0, help="of the first; 0: a free one")
    parser.add_argument("--play", choices=sorted(STORIES), help="a story to begin with")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster it goes")
    given = parser.parse_args()
    platform = Platform()
    machines = [
        instance(number, platform, port=given.port + number if given.port else 0)
        for number in range(given.machines)
    ]
    if given.play:
        platform.play(given.play, [one.name for one in machines], speed=given.speed)
    shown = [{"name": one.name, "id": one.id, "url": one.url} for one in machines]
    sys.stdout.write(json.dumps({"machines": shown}) + "\n")
    sys.stdout.flush()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    ended.wait()
    for one in machines:
        one.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
