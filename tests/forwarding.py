"""The real forwarder as a process, and what stands around it: a topic, an app, a machine."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sandbox.free_ports import free_ports
from sandbox.imds import Machine

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "forwarder" / "nightshift_forwarder.py"


def until(wanted: Callable[[], Any], limit_s: float = 60.0, why: str = "") -> Any:
    """Wait until something is true and return it; fail with ``why`` after a while."""
    ends = time.monotonic() + limit_s
    while not (found := wanted()):
        assert time.monotonic() < ends, why or "it never came to be"
        time.sleep(0.01)
    return found


@dataclass
class Around:
    """An Event Grid topic and Nightshift's own route, on one port that can go away.

    Attributes:
        batches: What each accepted call held.
        answers: What Nightshift says of a notice, by its id in lower case.
        refuse: Gives another status for a batch of events than 200.
        trust: Makes it speak TLS.
        headers: Of each call, in order.
    """

    port: int = field(default_factory=lambda: free_ports(1)[0])
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    refuse: Callable[[list[dict[str, Any]]], int] = lambda _: 200
    server: ThreadingHTTPServer | None = None
    trust: ssl.SSLContext | None = None

    @property
    def topic(self) -> str:
        """The address to publish to."""
        return f"{self.app}/api/events"

    @property
    def app(self) -> str:
        """The address to ask."""
        return f"{'https' if self.trust else 'http'}://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was taken, in order."""
        return [event for batch in self.batches for event in batch]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Type and status of the notice in each event."""
        told = [e for e in self.events if "document" in e["data"]]
        notices = [e["data"]["document"]["Events"][0] for e in told]
        return [(n["EventType"], n["EventStatus"]) for n in notices]

    @property
    def beats(self) -> list[dict[str, Any]]:
        """Every heartbeat that was taken, in order."""
        return [e for e in self.events if e["type"] == "Nightshift.Forwarder.Heartbeat"]

    def up(self) -> Around:
        """Begin to listen, again or for the first time."""
        kind = type("Front", (_Front,), {"around": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), kind)
        self.server.daemon_threads = True
        if self.trust is not None:
            listening = self.server.socket
            self.server.socket = self.trust.wrap_socket(listening, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def down(self) -> None:
        """Let the network go away."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class _Front(BaseHTTPRequestHandler):
    around: Around

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        batch = json.loads(self.rfile.read(size))
        self.around.headers.append(dict(self.headers))
        assert size < 1024 * 1024
        status = self.around.refuse(batch)
        if status == 200:
            self.around.batches.append(batch)
        self._say(status, b"")

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.around.asked.append(name)
        self.around.headers.append(dict(self.headers))
        found = self.around.answers.get(name)
        body = found if isinstance(found, bytes) else json.dumps(found or {}).encode()
        self._say(200 if found else 404, body)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:  # the base names its first argument
        """Say nothing."""


@dataclass
class Forwarder:
    """One forwarder process on one machine."""

    state: Path
    settings: dict[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self, python: str = sys.executable) -> Forwarder:
        """Start it, as systemd would."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("FORWARDER_")}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [python, str(PROGRAM)],
                env={**environ, **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def stop(self) -> int:
        """End it, as systemd would."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    @property
    def log(self) -> str:
        """Everything it said."""
        return self.log_file.read_text()

    @property
    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self.process is not None and self.process.poll() is None

    def spooled(self) -> list[Path]:
        """What waits on its disk."""
        return sorted((self.state / "spool").glob("*.json"))


@contextmanager
def a_forwarder(
    machine: Machine, around: Around, folder: Path, **more: object
) -> Iterator[Forwarder]:
    """Run a forwarder on a machine; ``more`` are its settings, in lower case."""
    state = folder / f"forwarder-{machine.id.rpartition('/')[2]}"
    folder.mkdir(exist_ok=True)
    values = {
        "topic": around.topic,
        "app": around.app,
        "imds": machine.url,
        "state": state,
        "poll": 0.1,
        "ask": 0.2,
        "turn": 1,
        "network_timeout": 3,
        "first_timeout": 10,
        "heartbeat": 0,
        **more,
    }
    settings = {f"FORWARDER_{name.upper()}": str(value) for name, value in values.items()}
    forwarder = Forwarder(state, settings, state.with_suffix(".log")).start()
    try:
        until(lambda: "watching" in forwarder.log, why=forwarder.log)
        yield forwarder
    finally:
        if forwarder.is_alive:
            forwarder.kill()
