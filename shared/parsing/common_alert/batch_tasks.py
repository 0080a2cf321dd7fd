"""Alerts about failing Batch tasks and unusable nodes, by their better names.

Azure Monitor has no word for "tasks failed": a metric alert on ``TaskFailEvent`` has no
job dimension, and a log alert may carry one. What they share is the Batch account.

Source: https://learn.microsoft.com/azure/batch/monitor-batch-reference (TaskFailEvent)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.core.json_reading import read_arm_id
from shared.core.moments import write_moment
from shared.core.resource_ids import BATCH_ACCOUNT
from shared.core.signals import Signal, SignalType

METRIC = "taskfailevent"
PROPERTY = "nightshift"  # the custom property by which a person says what an alert means
NODE_METRICS = frozenset({"unusablenodecount", "starttaskfailednodecount"})
"""Source: https://learn.microsoft.com/azure/batch/monitor-batch-reference"""
_POOL_NAMES = frozenset({"pool", "poolid"})
_JOB_NAMES = frozenset({"job", "jobid"})
_RESOURCE_NAMES = frozenset({"resourceid", "_resourceid"})
_READ = frozenset({SignalType.ALERT_METRIC, SignalType.ALERT_LOG})


def recognise(signal: Signal, fired_at: datetime) -> Signal:
    """Rename an alert that is about a Batch account's failed tasks; else give it back.

    Adds ``job`` (empty: any active job) and makes sure of ``window_start``: the
    condition's own, else the fired time less the window's size.
    """
    said = signal.attributes
    if signal.type in _READ and _is_about_unusable_nodes(said):
        return _unusable_nodes(signal)
    if signal.type not in _READ or not _is_about_failed_tasks(said):
        return signal
    account = _account(signal)
    if not account:
        return signal
    start = said.get("window_start") or write_moment(_window_start(said, fired_at))
    job = _named(said["custom_properties"], _JOB_NAMES) or _named(
        said["dimensions"], _JOB_NAMES
    )
    return replace(
        signal,
        type=SignalType.BATCH_TASKS_FAILED,
        target=account,
        attributes={"job": job, **said, "window_start": start},
    )


def _unusable_nodes(signal: Signal) -> Signal:
    """Rename an alert that is about nodes of an account that take no tasks."""
    account = _account(signal)
    if not account:
        return signal
    pool = _named(signal.attributes["custom_properties"], _POOL_NAMES)
    kind = SignalType.BATCH_NODES_UNUSABLE
    attributes = {"pool": pool, **signal.attributes}
    return replace(signal, type=kind, target=account, attributes=attributes)


def _is_about_unusable_nodes(said: Mapping[str, Any]) -> bool:
    own_word = _named(said["custom_properties"], frozenset({PROPERTY}))
    if own_word.casefold() == SignalType.BATCH_NODES_UNUSABLE.value:
        return True
    return any(metric["metric"].casefold() in NODE_METRICS for metric in said["metrics"])


def _is_about_failed_tasks(said: Mapping[str, Any]) -> bool:
    own_word = _named(said["custom_properties"], frozenset({PROPERTY}))
    if own_word.casefold() == SignalType.BATCH_TASKS_FAILED.value:
        return True
    texts = (said["query"], *(metric["metric"] for metric in said["metrics"]))
    named = (str(value) for value in said["dimensions"].values())
    return any(METRIC in text.casefold() for text in (*texts, *named))


def _account(signal: Signal) -> str:
    """Find the Batch account: the target, or a dimension that splits by resource."""
    for text in (signal.target, _named(signal.attributes["dimensions"], _RESOURCE_NAMES)):
        try:
            found = read_arm_id(text)
        except ValueError:
            continue
        if found.type == BATCH_ACCOUNT:
            return found.text
    return ""


def _window_start(said: Mapping[str, Any], fired_at: datetime) -> datetime:
    try:
        return fired_at - timedelta(seconds=said["window_seconds"] or 0)
    except OverflowError:
        return fired_at


def _named(fields: Mapping[str, Any], names: frozenset[str]) -> str:
    """Read the first text whose name is one of these, whatever its case."""
    found = (v for k, v in fields.items() if k.casefold() in names and isinstance(v, str))
    return next(found, "").strip()
