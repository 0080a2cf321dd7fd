"""Start Azurite, the storage emulator, on free ports.

The same program serves the sandbox and the tests. It is installed by npm at
the version of package-lock.json; its account and key are public and fixed.

Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox import processes
from sandbox.free_ports import free_ports
from sandbox.processes import ProcessRecord

ACCOUNT = "devstoreaccount1"
# Not a secret: the well-known key of the emulator, the same on every machine.
WELL_KNOWN_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
ROOT = Path(__file__).resolve().parents[1]
_PROGRAM = ROOT / "node_modules" / ".bin" / "azurite"
_START_LIMIT_S = 30.0
_TRIES = 3


class AzuriteMissing(Exception):
    """The npm packages are not installed."""


class AzuriteFailed(Exception):
    """Azurite was started and does not answer."""


@dataclass(frozen=True)
class Azurite:
    """A running emulator."""

    process: ProcessRecord
    connection_string: str
    log: Path


def start(location: Path, log: Path) -> Azurite:
    """Start the emulator and wait until its three endpoints answer.

    Raises:
        AzuriteMissing: ``make setup`` has not installed it.
        AzuriteFailed: it ended, or did not answer in time; carries the log's end.
    """
    if not _PROGRAM.exists():
        raise AzuriteMissing(f"{_PROGRAM} is not installed: run `make setup` first")
    location.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        ports = free_ports(3)
        record = _launch(location, log, ports)
        if _answers(record, ports):
            return Azurite(record, connection_string(*ports), log)
        processes.end([record])
    raise AzuriteFailed(f"azurite does not answer; the end of {log}:\n{processes.tail(log)}")


def connection_string(blob: int, queue: int, table: int) -> str:
    """Write the connection string of an emulator on these ports."""
    host = "http://127.0.0.1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={WELL_KNOWN_KEY};"
        f"BlobEndpoint={host}:{blob}/{ACCOUNT};QueueEndpoint={host}:{queue}/{ACCOUNT};"
        f"TableEndpoint={host}:{table}/{ACCOUNT};"
    )


def _launch(location: Path, log: Path, ports: tuple[int, ...]) -> ProcessRecord:
    blob, queue, table = (str(port) for port in ports)
    command = [str(_PROGRAM), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--location", str(location)]
    command += ["--blobPort", blob, "--queuePort", queue, "--tablePort", table]
    return processes.start(
        "azurite", command, environment=os.environ, cwd=location, stdout=log, stderr=log
    )


def _answers(record: ProcessRecord, ports: tuple[int, ...]) -> bool:
    """Wait until all ports accept; False when it ended or the time is over."""
    until = time.monotonic() + _START_LIMIT_S
    waiting = list(ports)
    while time.monotonic() < until:
        waiting = [port for port in waiting if not _accepts(port)]
        if not processes.is_alive(record):
            return False
        if not waiting:
            return True
        time.sleep(0.05)
    return False


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
