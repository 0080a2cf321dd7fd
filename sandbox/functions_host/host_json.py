"""Read host.json into the few values this host acts upon.

Keys that only matter in Azure (logging, extensionBundle, concurrency) are
accepted and left alone; a value that is acted upon must be in its range.

Source: https://learn.microsoft.com/azure/azure-functions/functions-host-json
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.functions_host.errors import HostJsonRefused
from sandbox.functions_host.time_span import parse_time_span

_MAX_BATCH = 32
_ENCODINGS = ("base64", "none")
_UNLIMITED = "-1"


@dataclass(frozen=True)
class QueueOptions:
    """How queue triggers poll, retry and give up.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    visibility_timeout: timedelta = timedelta(0)
    max_dequeue_count: int = 5
    max_polling_interval: timedelta = timedelta(minutes=1)
    message_encoding: str = "base64"


@dataclass(frozen=True)
class HostOptions:
    """Everything of host.json that this host acts upon."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)
    queues: QueueOptions = field(default_factory=QueueOptions)


def read_host_json(path: Path) -> HostOptions:
    """Read and check one host.json.

    Raises:
        HostJsonRefused: the file is missing, not JSON, not version 2.0 or has a bad value.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as exc:
        raise HostJsonRefused(f"{path} is missing: a function app has a host.json") from exc
    except ValueError as exc:
        raise HostJsonRefused(f"{path} is not JSON: {exc}") from exc
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise HostJsonRefused(f'{path}: "version" must be "2.0"')
    try:
        return _options(document)
    except (ValueError, TypeError, AttributeError) as exc:
        raise HostJsonRefused(f"{path}: {exc}") from exc


def _options(document: dict[str, Any]) -> HostOptions:
    extensions = document.get("extensions", {})
    return HostOptions(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        function_timeout=_function_timeout(document.get("functionTimeout")),
        queues=_queue_options(extensions.get("queues", {})),
    )


def _function_timeout(value: str | None) -> timedelta | None:
    """Read ``functionTimeout``: 30 minutes by default, as on the Flex Consumption plan.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout
    """
    if value is None:
        return timedelta(minutes=30)
    return None if value == _UNLIMITED else _span("functionTimeout", value)


def _queue_options(section: dict[str, Any]) -> QueueOptions:
    batch = _whole("batchSize", section.get("batchSize", 16), 1, _MAX_BATCH)
    encoding = str(section.get("messageEncoding", "base64")).lower()
    if encoding not in _ENCODINGS:
        raise ValueError(f"queues.messageEncoding is {encoding!r}: may be base64 or none")
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=_whole(
            "newBatchThreshold", section.get("newBatchThreshold", batch // 2), 0, None
        ),
        visibility_timeout=_span(
            "queues.visibilityTimeout", section.get("visibilityTimeout", "00:00:00")
        ),
        max_dequeue_count=_whole(
            "maxDequeueCount", section.get("maxDequeueCount", 5), 1, None
        ),
        max_polling_interval=_span(
            "queues.maxPollingInterval", section.get("maxPollingInterval", "00:01:00")
        ),
        message_encoding=encoding,
    )


def _whole(name: str, value: object, low: int, high: int | None) -> int:
    too_big = high is not None and isinstance(value, int) and value > high
    if not isinstance(value, int) or isinstance(value, bool) or value < low or too_big:
        limit = f"{low} or more" if high is None else f"{low} to {high}"
        raise ValueError(f"queues.{name} is {value!r}: may be {limit}")
    return value


def _span(name: str, value: str) -> timedelta:
    try:
        return parse_time_span(value)
    except (ValueError, AttributeError) as exc:
        raise ValueError(f"{name}: {exc}") from exc
