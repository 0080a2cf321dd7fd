"""A running stand-in as the tests hold it: its address, its controls, raw requests."""

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Standin:
    """A running stand-in, and its test controls."""

    url: str
    ca_file: str
    identity_endpoint: str
    identity_header: str
    kubeconfig: str

    @property
    def environment(self) -> dict[str, str]:
        """What App Service and a CA bundle tell deployed code."""
        return {
            "SSL_CERT_FILE": self.ca_file,
            "REQUESTS_CA_BUNDLE": self.ca_file,
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.identity_header,
        }

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Send one raw request; answer status, parsed body and headers."""
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data = json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - ours
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            asked.add_header(key, value)
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=self.tls), _NoErrors()
        )
        with opener.open(asked, timeout=20) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.headers)

    def token(self, audience: str) -> str:
        """Ask the identity endpoint for a token, as the real credential does."""
        _, body, _ = self.request(
            "GET",
            f"/msi/token?api-version=2019-08-01&resource={audience}",
            headers={"X-IDENTITY-HEADER": self.identity_header},
        )
        return str(body["access_token"])

    def arm(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Send one raw request with a resource manager token."""
        bearer = {"Authorization": f"Bearer {self.token('https://management.azure.com')}"}
        return self.request(method, path, body, {**bearer, **(headers or {})})

    def put_world(self, world: dict[str, Any]) -> None:
        """Replace the world and forget faults and calls."""
        status, body, _ = self.request("PUT", "/_world", world)
        assert status == 200, body
        self.request("DELETE", "/_faults")
        self.request("DELETE", "/_calls")

    def world(self) -> dict[str, Any]:
        return dict(self.request("GET", "/_world")[1])

    def resource(self, resource_id: str) -> dict[str, Any]:
        """Read one resource from the world itself."""
        found = [one for one in self.world()["resources"] if one["id"] == resource_id]
        return dict(found[0]) if found else {}

    def calls(self, *, containing: str = "") -> list[dict[str, Any]]:
        every = self.request("GET", "/_calls")[1]
        return [one for one in every if containing in f"{one['method']} {one['path']}"]

    def fault(self, **order: Any) -> None:
        status, body, _ = self.request("POST", "/_faults", order)
        assert status == 201, body


class _NoErrors(urllib.request.HTTPErrorProcessor):
    """Let every status through: a refusal is what these tests are about."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


@contextmanager
def started(state: Path, world: dict[str, Any] | None = None) -> Iterator[Standin]:
    """Start a stand-in on a free port, and end it with SIGTERM: it must end well."""
    command = [sys.executable, "-m", "sandbox.azure", "--port", "0", "--state", str(state)]
    if world is not None:
        (state / "world.json").write_text(json.dumps(world))
        command += ["--world", str(state / "world.json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield Standin(
                url=ready["azure_url"],
                ca_file=ready["ca_file"],
                identity_endpoint=ready["identity_endpoint"],
                identity_header=ready["identity_header"],
                kubeconfig=ready["kubeconfig"],
            )
        finally:
            process.terminate()
            code = process.wait(timeout=10)
    assert code == 0
