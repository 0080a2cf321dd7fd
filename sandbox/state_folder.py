"""The folder of a sandbox: what is up in it, and who may change that now.

Holds the summary that people and tests read and the list of processes that
`down` ends. It starts and ends nothing.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.options import SandboxError
from sandbox.processes import ProcessRecord

_SUMMARY, _PROCESSES, _LOCK = "sandbox.json", "processes.json", "lock"


@dataclass(frozen=True)
class Sandbox:
    """One sandbox that is up: what `up` prints."""

    functions_url: str
    function_key: str
    master_key: str
    system_key: str
    azure_url: str
    ca_file: str
    kubeconfig: str
    storage_connection_string: str
    pids: dict[str, int]
    state: str
    log_files: dict[str, str]

    def as_json(self) -> str:
        """Write the one JSON object."""
        return json.dumps(asdict(self), indent=2)


def load(state: Path) -> Sandbox:
    """Read the sandbox that is up in this folder.

    Raises:
        SandboxError: none is.
    """
    try:
        document = json.loads((state / _SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise SandboxError(f"no sandbox is up in {state}") from exc
    return Sandbox(**document)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Let one `up` or `down` at a time work on a folder.

    Raises:
        SandboxError: another one does.
    """
    with (state / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise SandboxError(f"another `sandbox up` or `down` works on {state}") from exc
        yield


def records(state: Path) -> list[ProcessRecord]:
    """List the processes started for this folder, in order."""
    try:
        document = json.loads((state / _PROCESSES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [ProcessRecord(**record) for record in document]


def note(state: Path, record: ProcessRecord) -> None:
    """Add one process, at once after its start."""
    write_records(state, [*records(state), record])


def write_records(state: Path, started: list[ProcessRecord]) -> None:
    """Replace the list of processes."""
    _replace_file(state / _PROCESSES, json.dumps([asdict(record) for record in started]))


def save(state: Path, sandbox: Sandbox) -> None:
    """Write the summary."""
    _replace_file(state / _SUMMARY, sandbox.as_json())


def forget(state: Path) -> None:
    """Remove summary and list: nothing is up here."""
    for name in (_SUMMARY, _PROCESSES):
        with suppress(FileNotFoundError):
            (state / name).unlink()


def _replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
