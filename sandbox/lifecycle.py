"""Bring a sandbox up and take exactly that sandbox down again.

Starts Azurite, the Azure stand-in and the Functions host in the background,
each in a process group of its own. What was started is written down after each
start, so that `down` finds it even when `up` was killed half-way. All state is
in one folder; nothing else on the machine is touched.
"""

import json
import os
import secrets
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from sandbox import azurite, functions_process, processes
from sandbox.environment import AzureEndpoints, app_environment, write_ca_bundle
from sandbox.free_ports import free_ports
from sandbox.functions_process import HostKeys, Recipe
from sandbox.options import ROOT, SandboxError, SandboxOptions
from sandbox.processes import ProcessRecord
from sandbox.state_folder import (
    Sandbox,
    forget,
    load,
    locked,
    note,
    records,
    save,
    write_records,
)

__all__ = ["Sandbox", "down", "kill_functions_host", "load", "restart_functions_host", "up"]

_AZURE_START_LIMIT_S = 30.0


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
    with locked(state):
        if any(processes.is_alive(record) for record in records(state)):
            raise SandboxError(f"a sandbox is up in {state}: take it down first")
        forget(state)
        for old in logs.iterdir():
            old.unlink()
        try:
            sandbox = _start(options, state, logs)
        except BaseException:
            _end(state)
            raise
        save(state, sandbox)
    return sandbox


def down(state: Path) -> list[str]:
    """End what `up` started in this folder; names what was still running."""
    state = state.resolve()
    if not state.is_dir():
        return []
    with locked(state):
        return _end(state)


def kill_functions_host(sandbox: Sandbox) -> None:
    """Kill the Functions host at once, as a crash would; the rest stays up."""
    for record in records(Path(sandbox.state)):
        if record.name == functions_process.NAME:
            processes.kill(record)


def restart_functions_host(sandbox: Sandbox) -> Sandbox:
    """Start the Functions host again, on its port, with its keys and settings."""
    state = Path(sandbox.state)
    with locked(state):
        others = [r for r in records(state) if r.name != functions_process.NAME]
        processes.end([r for r in records(state) if r.name == functions_process.NAME])
        write_records(state, others)
        record = _start_functions(Recipe.load(state), state, state / "logs")
        renewed = replace(sandbox, pids={**sandbox.pids, record.name: record.pid})
        save(state, renewed)
    return renewed


def _start(options: SandboxOptions, state: Path, logs: Path) -> Sandbox:
    stand_in = _launch_azure(options, state, logs)
    storage = _start_azurite(state, logs)
    endpoints = _await_azure(stand_in, logs)
    bundle = state / "ca-bundle.pem"
    write_ca_bundle(Path(endpoints.ca_file), bundle)
    default = options.app.resolve() / "rules"
    rules = [default if default.is_dir() else ROOT / "rules"]
    rules += [folder.resolve() for folder in options.rules]
    settings = app_environment(
        endpoints, storage.connection_string, bundle, rules, options.environment
    )
    (port,) = free_ports(1)
    settings.setdefault("NIGHTSHIFT_URL", f"http://127.0.0.1:{port}")
    # Hexadecimal: a key that begins with a dash would be read as an option.
    keys = HostKeys(*(secrets.token_hex(24) for _ in range(3)))
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
    note(state, started.process)
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
    note(state, record)
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
    note(state, record)
    if not functions_process.wait_ready(how, record):
        processes.end([record])
        raise _did_not_start("the Functions host", logs / "functions.err")
    return record


def _did_not_start(what: str, log: Path) -> SandboxError:
    return SandboxError(f"{what} did not start; the end of {log}:\n{processes.tail(log)}")


def _end(state: Path) -> list[str]:
    """End the Functions host first, while what it talks to is still there."""
    started = records(state)
    functions = [r for r in started if r.name == functions_process.NAME]
    ended = processes.end(functions)
    ended += processes.end([r for r in started if r not in functions])
    forget(state)
    return [record.name for record in ended]
