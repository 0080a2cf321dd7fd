"""``nightshift archive pull``: bring recorded deliveries back as a recording.

Reads the app's storage, changes nothing in it, and writes one line a delivery, with the
facts that the ledger says its decisions were made on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential

    from shared.core.settings import Settings
    from shared.core.signals import Signal
    from shared.ports import EventRecord, Ledger

BAD_INPUT, NOT_READ = 2, 1
AT_ONCE = 16
Json = dict[str, Any]


def register(subparsers: Any) -> None:
    """Add ``archive pull`` to the command line."""
    parser = subparsers.add_parser("archive", help="recorded events")
    commands = parser.add_subparsers(dest="archive_command", required=True)
    pull = commands.add_parser("pull", help="print a time range of them as JSON lines")
    pull.add_argument("--from", dest="start", required=True, metavar="T", help="first moment")
    pull.add_argument("--to", dest="end", required=True, metavar="T", help="up to, without it")
    pull.add_argument(
        "--connection",
        metavar="STRING",
        help="connection string of the storage (default: the app's settings from the "
        "environment; others on this machine can see a command's arguments)",
    )
    pull.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the range; 2 for wrong arguments, 1 if the storage cannot be read."""
    from shared.core.errors import AutomationError, InvalidSetting

    try:
        start, end = _range(arguments.start, arguments.end)
        settings = _settings(arguments.connection)
    except (ValueError, InvalidSetting) as error:
        print(f"nightshift archive pull: {error}", file=sys.stderr)
        return BAD_INPUT
    try:
        odd = asyncio.run(pull(settings, start, end, lambda line: print(json.dumps(line))))
    except AutomationError as error:
        print(f"nightshift archive pull: {error}", file=sys.stderr)
        return NOT_READ
    if odd:
        print(f"{odd} documents of the archive are no copies of ours", file=sys.stderr)
    return 0


def _range(first: str, last: str) -> tuple[datetime, datetime]:
    start, end = _moment("--from", first), _moment("--to", last)
    if end <= start:
        raise ValueError("--to should be after --from")
    return start, end


def _moment(option: str, text: str) -> datetime:
    from shared.core.moments import read_moment

    try:
        moment = read_moment(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from error
    if moment is None:
        raise ValueError(f"{option} is empty: write for example 2026-11-22T03:04:05Z")
    return moment


def _settings(connection: str | None) -> Settings:
    import os

    from shared.adapters.settings_env import read_settings

    environ = os.environ if connection is None else {"AzureWebJobsStorage": connection}
    return read_settings(environ)


async def pull(
    settings: Settings, start: datetime, end: datetime, emit: Callable[[Json], None]
) -> int:
    """Emit a line for each copy; return how many documents were no copies.

    Raises:
        AutomationError: The storage could not be read; what was emitted is good.
    """
    from shared.adapters.archive_reader import ArchiveReader
    from shared.adapters.clock import SystemClock
    from shared.adapters.storage import Storage
    from shared.adapters.table_ledger import TableLedger

    people: list[DefaultAzureCredential] = []

    def person() -> DefaultAzureCredential:
        """Whoever is signed in here; the app's own identity is not to be had from outside."""
        from azure.identity.aio import DefaultAzureCredential

        people.append(DefaultAzureCredential())
        return people[-1]

    storage = Storage(settings, person)
    ledger = TableLedger(storage, SystemClock())
    odd = 0
    waiting: list[Mapping[str, Any]] = []

    async def flush() -> None:
        for line in await asyncio.gather(*(line_of(copy, ledger) for copy in waiting)):
            emit(line)
        waiting.clear()

    try:
        async for _, copy in ArchiveReader(storage).copies(start, end):
            if copy is None or not {"received_at", "inlet", "body"} <= copy.keys():
                odd += 1
                continue
            waiting.append(copy)
            if len(waiting) == AT_ONCE:
                await flush()
        await flush()
    finally:
        await storage.close()
        for one in people:
            await one.close()
    return odd


async def line_of(copy: Mapping[str, Any], ledger: Ledger) -> Json:
    """Write one copy as a line of a recording, with the facts the ledger has for it."""
    encoding = copy.get("encoding", "json")
    line: Json = {
        "received_at": copy["received_at"],
        "inlet": copy["inlet"],
        "event": copy["body"],
        "facts": {},
    }
    if encoding != "json":
        line["encoding"] = encoding
    signals = _signals(copy, encoding)
    for event_id in dict.fromkeys(signal.event_id for signal in signals):
        records = await ledger.find_event(event_id)
        for signal in signals:
            if signal.event_id == event_id:
                _add_facts(line["facts"], signal, records)
    return line


def _signals(copy: Mapping[str, Any], encoding: str) -> list[Signal]:
    from cli.recording import BadLine, body_of
    from cli.shapes import read_signals
    from shared.core.errors import MalformedEvent
    from shared.core.signals import Signal

    try:
        received_at = datetime.fromisoformat(copy["received_at"]).astimezone(UTC)
        body = body_of(copy["body"], encoding)
        said = read_signals(body, received_at=received_at, inlet=copy["inlet"])
    except (MalformedEvent, BadLine, ValueError):
        return []
    return [one for one in said if isinstance(one, Signal)]


def _add_facts(
    facts: dict[str, Json], signal: Signal, records: tuple[EventRecord, ...]
) -> None:
    """Take the facts of the first answer to this phase that was made on any."""
    from shared.core.resource_ids import same_resource
    from shared.engine.recorded import recorded_facts

    for record in records:
        is_phase = record.phase.partition("+")[0] == signal.phase.value
        if is_phase and same_resource(record.target, signal.target):
            for kind, value in recorded_facts(record.decisions):
                facts.setdefault(signal.target, {}).setdefault(kind, value)
