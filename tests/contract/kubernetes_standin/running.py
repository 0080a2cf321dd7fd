"""The stand-in as a process of its own, and the real kubectl that talks to it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Standin:
    """A running stand-in and the kubectl that talks to it."""

    url: str
    kubectl_path: str
    home: Path

    def kubectl(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl, with no settings of the machine's user."""
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "KUBECONFIG": os.devnull}
        command = [self.kubectl_path, "--server", self.url, *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=env, check=False
        )

    def get(self, path: str) -> Manifest:
        """Read through the API, not through kubectl."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=10) as answer:  # noqa: S310 - our own http URL
            return json.load(answer)

    def pods(self, node: str = "") -> dict[str, Manifest]:
        """Return all pods by name, or those of one node."""
        query = f"?fieldSelector=spec.nodeName={node}" if node else ""
        return {p["metadata"]["name"]: p for p in self.get(f"api/v1/pods{query}")["items"]}

    def uids(self, node: str = "") -> set[str]:
        """Return the uids of all pods, or of those of one node."""
        return {pod["metadata"]["uid"] for pod in self.pods(node).values()}


@contextmanager
def running(objects: Path, kubectl_path: str, home: Path) -> Iterator[Standin]:
    """Start the stand-in on a free port, and end it afterwards."""
    command = [sys.executable, "-m", "sandbox.kubernetes", "--objects", str(objects)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Standin(json.loads(process.stdout.readline())["url"], kubectl_path, home)
        finally:
            process.terminate()
            process.wait(timeout=20)
