"""A recorded ledger: all tables and queues of a storage account, and the world, as JSON.

It was recorded at one moment and is laid out at another: every moment in it is moved by
the same time, so that a lease that had run out has still run out, and a deadline that was
ten minutes off still is.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueClient

Json = dict[str, Any]
QUEUES = ("plans", "platform-events")
PREFIX = "Nightshift"
KEPT_HIDDEN_S = 7 * 24 * 3600
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?=Z|\+00:00)")
IN_KEYS = re.compile(r"(?<=\|)\d{8}T\d{12}(?=\|)")
IN_KEY = "%Y%m%dT%H%M%S%f"


async def dump(storage: str, world: Json, *, at: datetime, quiet_s: float) -> Json:
    """Write down all that is there, and every message that appears until it is quiet."""
    messages = await _messages(storage, quiet_s)
    return {
        "recorded_at": at.isoformat(),
        "tables": await _tables(storage),
        "messages": messages,
        "world": world,
    }


async def _tables(storage: str) -> Json:
    found: Json = {}
    async with TableServiceClient.from_connection_string(storage) as service:
        async for table in service.list_tables():
            if table.name.startswith(PREFIX):
                rows = service.get_table_client(table.name).list_entities()
                found[table.name] = [dict(row) async for row in rows]
    return found


async def _messages(storage: str, quiet_s: float) -> list[Json]:
    """Take messages as they become visible; nobody else may be taking any."""
    found: list[Json] = []
    until = time.monotonic() + quiet_s
    while time.monotonic() < until:
        for queue in QUEUES:
            async with QueueClient.from_connection_string(storage, queue) as client:
                try:
                    async for one in client.receive_messages(visibility_timeout=KEPT_HIDDEN_S):
                        body = json.loads(base64.b64decode(one.content))
                        found.append({"queue": queue, "body": body})
                except ResourceNotFoundError:
                    continue
        time.sleep(1)  # noqa: ASYNC251 - nothing else is to be done meanwhile
    return found


async def lay_out(storage: str, recording: Json) -> None:
    """Put rows and messages into an empty account."""
    async with TableServiceClient.from_connection_string(storage) as service:
        for name, rows in recording["tables"].items():
            table = await service.create_table_if_not_exists(name)
            for row in rows:
                await table.upsert_entity(row)
    for message in recording["messages"]:
        text = base64.b64encode(json.dumps(message["body"]).encode()).decode()
        async with QueueClient.from_connection_string(storage, message["queue"]) as client:
            with contextlib.suppress(ResourceExistsError):
                await client.create_queue()
            await client.send_message(text, time_to_live=-1)


async def rows_of(storage: str, table: str) -> list[Json]:
    """Read all rows of a table."""
    return list((await _tables(storage)).get(table, []))


def moved(recording: Json, by: timedelta) -> Json:
    """Move every moment of a recording."""
    tables = {
        name: [_row_moved(name, row, by) for row in rows]
        for name, rows in recording["tables"].items()
    }
    rest = {key: _moved(recording[key], by) for key in ("messages", "world")}
    return {**recording, **rest, "tables": tables}


def _row_moved(table: str, row: Json, by: timedelta) -> Json:
    document = document_of(row)
    if document is None:
        return dict(_moved(row, by))
    plain = {key: value for key, value in row.items() if not re.fullmatch(r"doc\d+", key)}
    document = _moved(document, by)
    if table == f"{PREFIX}Tallies":
        span = by // timedelta(microseconds=1)
        for entry in document["entries"]:  # token, target, target, began, ended, ...
            entry[3:5] = [None if micros is None else micros + span for micros in entry[3:5]]
    return {**_moved(plain, by), **document_columns(document)}


def document_of(row: Json) -> Any:
    """Read a row's document; None if it has none."""
    parts = []
    while (name := f"doc{len(parts)}") in row:
        parts.append(row[name])
    return json.loads("".join(parts)) if parts else None


def document_columns(document: Any) -> Json:
    """Write a document as columns."""
    text = json.dumps(document, separators=(",", ":"))
    size = 15_000  # below what a property holds, whatever the characters
    return {f"doc{i}": text[at : at + size] for i, at in enumerate(range(0, len(text), size))}


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, dict):
        return {_moved(key, by): _moved(one, by) for key, one in value.items()}
    if isinstance(value, list):
        return [_moved(one, by) for one in value]
    if isinstance(value, str):
        iso = ISO.sub(lambda found: _iso(found[0], by), value)
        return IN_KEYS.sub(lambda found: _in_key(found[0], by), iso)
    return value


def _iso(text: str, by: timedelta) -> str:
    seconds, dot, fraction = text.partition(".")
    at = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    micros = timedelta(microseconds=int(f"{fraction:0<6}"[:6])) if dot else timedelta(0)
    return (at + micros + by).strftime("%Y-%m-%dT%H:%M:%S.%f" if dot else "%Y-%m-%dT%H:%M:%S")


def _in_key(text: str, by: timedelta) -> str:
    at = datetime.strptime(text, IN_KEY).replace(tzinfo=UTC)
    return (at + by).strftime(IN_KEY)
