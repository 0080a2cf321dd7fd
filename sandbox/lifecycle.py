"""Bring a sandbox up and take exactly that sandbox down again.

Starts Azurite, the Azure stand-in and the Functions host in the background,
each in a process group of its own. What was started is written down after each
start, so that `down` finds it even when `up` was killed half-way. All state is
in one folder; nothing else on the machine is touched.
"""

import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sandbox import azurite, functions_process, processes
from sandbox.environment import AzureEndpoints, app_environment, write_ca_bundle
from sandbox.free_ports import free_ports
from sandbox.functions_process import HostKeys, Recipe
from sandbox.options import ROOT, SandboxError, SandboxOptions
from sandbox.processes import ProcessRecord

_SUMMARY, _PROCESSES, _LOCK = "sandbox.json", "processes.json", "lock"
_AZURE_START_LIMIT_S = 30.0


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


def up(options: SandboxOptions) -> Sandbox:
    """Start a sandbox and wait until all of it answers.

    Raises:
        SandboxError: it is up already, something is missing, or a part did not
            start; then all that was started is ended again.
    """
    options.check()
    state = options.state.resolve()
    logs = state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with _locked(state):
        if any(processes.is_alive(record) for record in _records(state)):
            raise SandboxError(f"a sandbox is up in {state}: take it down first")
        _forget(state)
        for old in logs.iterdir():
            old.unlink()
        try:
            sandbox = _start(options, state, logs)
        except BaseException:
            _end(state)
            raise
        _save(state, sandbox)
    return sandbox


def down(state: Path) -> list[str]:
    """End what `up` started in this folder; names what was still running."""
    state = state.resolve()
    if not state.is_dir():
        return []
    with _locked(state):
        return _end(state)


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


def kill_functions_host(sandbox: Sandbox) -> None:
    """Kill the Functions host at once, as a crash would; the rest stays up."""
    for record in _records(Path(sandbox.state)):
        if record.name == functions_process.NAME:
            processes.kill(record)


def restart_functions_host(sandbox: Sandbox) -> Sandbox:
    """Start the Functions host again, on its port, with its keys and settings."""
    state = Path(sandbox.state)
    with _locked(state):
        others = [r for r in _records(state) if r.name != functions_process.NAME]
        processes.end([r for r in _records(state) if r.name == functions_process.NAME])
        _write(state, others)
        record = _start_functions(Recipe.load(state), state, state / "logs")
        renewed = replace(sandbox, pids={**sandbox.pids, record.name: record.pid})
        _save(state, renewed)
    return renewed


def _start(options: SandboxOptions, state: Path, logs: Path) -> Sandbox:
    stand_in = _launch_azure(options, state, logs)
    storage = _start_azurite(state, logs)
    endpoints = _await_azure(stand_in, logs)
    bundle = state / "ca-bundle.pem"
    write_ca_bundle(Path(endpoints.ca_file), bundle)
    rules = [ROOT / "rules", *(folder.resolve() for folder in options.rules)]
    settings = app_environment(
        endpoints, storage.connection_string, bundle, rules, options.environment
    )
    (port,) = free_ports(1)
    keys = HostKeys(*(secrets.token_urlsafe(24) for _ in range(3)))
    how = functions_process.recipe(options, port, keys, settings)
    how.save(state)
    functions = _start_functions(how, state, logs)
    return Sandbox(
        functions_url=f"http://127.0.0.1:{port}",
        **asdict(keys),
        azure_url=endpoints.azure_url,
        ca_file=endpoints.ca_file,
        kubeconfig=endpoints.kubeconfig,
        storage_connection_string=storage.connection_string,
        pids={r.name: r.pid for r in (storage.process, stand_in, functions)},
        state=str(state),
        log_files={
            "azurite": str(storage.log),
            "azure": str(logs / "azure.err"),
            "functions": str(logs / "functions.err"),
            "invocations": str(logs / "functions.out"),
        },
    )


def _start_azurite(state: Path, logs: Path) -> azurite.Azurite:
    try:
        started = azurite.start(state / "azurite", logs / "azurite.log")
    except (azurite.AzuriteMissing, azurite.AzuriteFailed) as exc:
        raise SandboxError(str(exc)) from exc
    _note(state, started.process)
    return started


def _launch_azure(options: SandboxOptions, state: Path, logs: Path) -> ProcessRecord:
    command = [sys.executable, "-m", "sandbox.azure", "--port", "0", "--state", str(state)]
    if options.world is not None:
        command += ["--world", str(options.world.resolve())]
    record = processes.start(
        "azure",
        command,
        environment=os.environ,
        cwd=ROOT,
        stdout=logs / "azure.out",
        stderr=logs / "azure.err",
    )
    _note(state, record)
    return record


def _await_azure(record: ProcessRecord, logs: Path) -> AzureEndpoints:
    """Wait for the one line in which the stand-in says where it listens."""
    until = time.monotonic() + _AZURE_START_LIMIT_S
    while time.monotonic() < until:
        text = (logs / "azure.out").read_text(encoding="utf-8")
        if text.endswith("\n"):
            return AzureEndpoints(**json.loads(text.splitlines()[0]))
        if not processes.is_alive(record):
            break
        time.sleep(0.05)
    raise _did_not_start("the Azure stand-in", logs / "azure.err")


def _start_functions(how: Recipe, state: Path, logs: Path) -> ProcessRecord:
    record = functions_process.start(how, logs)
    _note(state, record)
    if not functions_process.wait_ready(how, record):
        processes.end([record])
        raise _did_not_start("the Functions host", logs / "functions.err")
    return record


def _did_not_start(what: str, log: Path) -> SandboxError:
    return SandboxError(f"{what} did not start; the end of {log}:\n{processes.tail(log)}")


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Let one `up` or `down` at a time work on a folder."""
    with (state / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise SandboxError(f"another `sandbox up` or `down` works on {state}") from exc
        yield


def _records(state: Path) -> list[ProcessRecord]:
    try:
        document = json.loads((state / _PROCESSES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [ProcessRecord(**record) for record in document]


def _note(state: Path, record: ProcessRecord) -> None:
    _write(state, [*_records(state), record])


def _write(state: Path, records: list[ProcessRecord]) -> None:
    _replace_file(state / _PROCESSES, json.dumps([asdict(record) for record in records]))


def _save(state: Path, sandbox: Sandbox) -> None:
    _replace_file(state / _SUMMARY, sandbox.as_json())


def _replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _end(state: Path) -> list[str]:
    """End the Functions host first, while what it talks to is still there."""
    records = _records(state)
    functions = [r for r in records if r.name == functions_process.NAME]
    ended = processes.end(functions)
    ended += processes.end([r for r in records if r not in functions])
    _forget(state)
    return [record.name for record in ended]


def _forget(state: Path) -> None:
    for name in (_SUMMARY, _PROCESSES):
        with suppress(FileNotFoundError):
            (state / name).unlink()
