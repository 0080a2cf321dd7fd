"""How facts are written as JSON, and read back the same: for records and replays.

The fields are the dataclasses' own, so a new fact needs no line here. Reading ignores
keys that a later release wrote, unless a person wrote the document: then a misspelt
fact must not be taken for one that nobody observed.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from shared.core.durations import parse_duration
from shared.core.facts import (
    BatchJobFacts,
    BatchNodeFacts,
    BatchNodesFacts,
    BatchPoolFacts,
    DiskFacts,
    DiskSnapshots,
    EndpointFacts,
    ExtensionFacts,
    Facts,
    FactsKind,
    FailedTaskFacts,
    LeftoverFacts,
    MachineFacts,
    MachinePoints,
    MlCluster,
    MlInstanceFacts,
    MlJobFacts,
    NodeFacts,
    PatchFacts,
    PoolInstanceFacts,
    ResourceFacts,
    SlurmNodeFacts,
    SnapshotCopies,
    SpotFacts,
    SpotPoolFacts,
    StandaloneFacts,
    VmHealth,
)
from shared.core.json_bounds import describe
from shared.core.wire import write_moment

NOT_KEPT = "(not kept)"
_SECRET = re.compile(
    r"secret|passw|token|credential|private.?key|access.?key|api.?key"
    r"|account.?key|instrumentation.?key|conn(ection)?.?string"
)
CLASSES: Mapping[FactsKind, Any] = {
    FactsKind.NODE: NodeFacts,
    FactsKind.MACHINE: MachineFacts,
    FactsKind.DISKS: DiskFacts,
    FactsKind.FAILED_TASKS: FailedTaskFacts,
    FactsKind.RESOURCE: ResourceFacts,
    FactsKind.SLURM_NODE: SlurmNodeFacts,
    FactsKind.BATCH_NODE: BatchNodeFacts,
    FactsKind.BATCH_NODES: BatchNodesFacts,
    FactsKind.BATCH_JOB: BatchJobFacts,
    FactsKind.BATCH_POOL: BatchPoolFacts,
    FactsKind.STANDALONE: StandaloneFacts,
    FactsKind.POOL_INSTANCE: PoolInstanceFacts,
    FactsKind.SPOT: SpotFacts,
    FactsKind.SPOT_POOL: SpotPoolFacts,
    FactsKind.LEFTOVER: LeftoverFacts,
    FactsKind.VM_HEALTH: VmHealth,
    FactsKind.PATCHES: PatchFacts,
    FactsKind.ML_JOB: MlJobFacts,
    FactsKind.ML_INSTANCE: MlInstanceFacts,
    FactsKind.ML_CLUSTER: MlCluster,
    FactsKind.ENDPOINT: EndpointFacts,
    FactsKind.ML_EXTENSION: ExtensionFacts,
    FactsKind.SNAPSHOTS: DiskSnapshots,
    FactsKind.SNAPSHOT_COPIES: SnapshotCopies,
    FactsKind.RESTORE_POINTS: MachinePoints,
}
"""What each kind of facts is; a new kind is named here, and conditions know its members."""
Reader = Callable[[Any, bool], Any]


class WrongFacts(ValueError):
    """A document is not facts: where, what it was, what would be right."""

    def __init__(self, why: str, path: tuple[str, ...] = ()) -> None:
        """Remember the place as the names that lead to it."""
        super().__init__(": ".join(part for part in (".".join(path), why) if part))
        self.why, self.path = why, path

    def within(self, name: str) -> WrongFacts:
        """Return the same, seen from one level further out."""
        return WrongFacts(self.why, (name, *self.path))


def facts_to_json(facts: Facts) -> dict[str, Any]:
    """Write facts whole; durations are seconds, moments ISO 8601 in UTC."""
    written: dict[str, Any] = _plain(facts)
    return written


def facts_from_json(
    kind: FactsKind, document: Mapping[str, Any], *, is_strict: bool = False
) -> Facts:
    """Read facts back.

    Args:
        is_strict: Refuse keys that are no fact, for what a person wrote.

    Raises:
        WrongFacts: It is not facts of that kind.
    """
    facts: Facts = _reader(CLASSES[kind])(document, is_strict)
    return facts


def without_secrets(facts: Facts) -> Facts:
    """Drop values of tags whose names say that they hold a secret.

    Nobody should put a secret into a tag; who did must not find it in the ledger and on
    the disks that recordings are pulled to. Nothing else in facts may hold one.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
    ("Tags are stored as plain text. Never add sensitive values to tags.")
    """
    tags = facts.resource.tags
    told = {name for name in tags if _SECRET.search(name.casefold())}
    if not told:
        return facts
    kept = {name: NOT_KEPT if name in told else value for name, value in tags.items()}
    return replace(facts, resource=replace(facts.resource, tags=kept))


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}


@cache
def _reader(hint: Any) -> Reader:
    """Build what reads a value of one type; once a type and process."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(hint)
    origin, inside = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _optional(_reader(next(one for one in inside if one is not types.NoneType)))
    if origin is tuple:
        return _array(_reader(inside[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(inside[1]))
    return _SCALARS[hint]


def _object(described: type[Any]) -> Reader:
    hints = get_type_hints(described)
    fields = dataclasses.fields(described)
    parts = [(f.name, _reader(hints[f.name]), _is_required(f)) for f in fields]
    names = [f.name for f in fields]

    def read(value: Any, is_strict: bool) -> Any:
        if not isinstance(value, Mapping):
            raise WrongFacts(f"is {describe(value)}, should be an object")
        if is_strict:
            _refuse_unknown(value, names)
        given: dict[str, Any] = {}
        for name, reader, is_required in parts:
            if name in value:
                given[name] = _read_within(name, reader, value[name], is_strict=is_strict)
            elif is_required:
                raise WrongFacts(f"has no {name!r}, should have {', '.join(names)}")
        return described(**given)

    return read


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _refuse_unknown(value: Mapping[str, Any], names: list[str]) -> None:
    for name in value:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"
            raise WrongFacts(f"{name!r} is no such fact; {hint}")


def _read_within(name: str, reader: Reader, value: Any, *, is_strict: bool) -> Any:
    try:
        return reader(value, is_strict)
    except WrongFacts as wrong:
        raise wrong.within(name) from None


def _optional(reader: Reader) -> Reader:
    return lambda value, is_strict: None if value is None else reader(value, is_strict)


def _array(reader: Reader) -> Reader:
    def read(value: Any, is_strict: bool) -> Any:
        if not isinstance(value, list | tuple):
            raise WrongFacts(f"is {describe(value)}, should be an array")
        return tuple(
            _read_within(str(at), reader, item, is_strict=is_strict)
            for at, item in enumerate(value)
        )

    return read


def _mapping(reader: Reader) -> Reader:
    def read(value: Any, is_strict: bool) -> Any:
        if not isinstance(value, Mapping):
            raise WrongFacts(f"is {describe(value)}, should be an object")
        return {
            str(name): _read_within(str(name), reader, item, is_strict=is_strict)
            for name, item in value.items()
        }

    return read


def _scalar(wanted: type[Any], words: str) -> Reader:
    def read(value: Any, _is_strict: bool) -> Any:
        if type(value) is not wanted:
            raise WrongFacts(f"is {describe(value)}, should be {words}")
        return value

    return read


def _number(value: Any, _is_strict: bool) -> float:
    if type(value) not in {int, float}:
        raise WrongFacts(f"is {describe(value)}, should be a number")
    return float(value)


def _moment(value: Any, _is_strict: bool) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise WrongFacts("should be a moment such as 2026-11-22T03:04:05Z") from None
    if moment.tzinfo is None:
        raise WrongFacts("should say its time zone: 2026-11-22T03:04:05Z")
    return moment.astimezone(UTC)


def _span(value: Any, _is_strict: bool) -> timedelta:
    try:
        return parse_duration(value) if isinstance(value, str) else timedelta(seconds=value)
    except (TypeError, ValueError, OverflowError):
        raise WrongFacts("should be seconds, or a duration such as 1h30m") from None


_SCALARS: Mapping[Any, Reader] = {
    str: _scalar(str, "a text"),
    bool: _scalar(bool, "true or false"),
    int: _scalar(int, "a whole number"),
    float: _number,
    datetime: _moment,
    timedelta: _span,
}
