"""A server on this machine that takes what Application Insights takes, and keeps it.

Source: https://learn.microsoft.com/azure/azure-monitor/app/api-custom-events-metrics (v2.1
track: a list of envelopes; the answer counts them)
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "00000000-0000-0000-0000-000000000000"
_SPANS = {"RequestData", "RemoteDependencyData"}


@dataclass
class Insights:
    """What was received, envelope by envelope."""

    port: int
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def connection_string(self) -> str:
        """Where to send."""
        return f"InstrumentationKey={KEY};IngestionEndpoint=http://127.0.0.1:{self.port}/"

    def spans(self, operation: str) -> dict[str, list[dict[str, Any]]]:
        """Give the spans of one trace by their names."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.received:
            is_span = one["data"]["baseType"] in _SPANS
            if is_span and one["tags"]["ai.operation.id"] == operation:
                found.setdefault(one["data"]["baseData"]["name"], []).append(one)
        return found

    def figures(self) -> dict[str, tuple[float, dict[str, str]]]:
        """Give the last value of each metric, with its labels."""
        return {
            metric["name"]: (metric["value"], one["data"]["baseData"]["properties"])
            for one in self.received
            if one["data"]["baseType"] == "MetricData"
            for metric in one["data"]["baseData"]["metrics"]
        }


@contextmanager
def insights() -> Iterator[Insights]:
    """Listen on a free port for as long as the block lasts."""

    class Ingestion(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body)
            keeping.received += items
            counts = {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
            answer = json.dumps(counts).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ingestion) as server:
        keeping = Insights(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield keeping
        server.shutdown()
