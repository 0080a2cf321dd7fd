"""What is to be left alone, and who says so: tags, names, locks, marks, our own home.

Two kinds. What a person or the deployment says holds always. Other tools' marks on a
node, and locks, hold back only what is voluntary: when the platform takes a machine,
the pods leave it with a drain or without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from shared.core.facts import AksNode, Resource
from shared.core.marks import mark_on
from shared.core.resource_ids import ResourceId
from shared.core.steps import Verb

PROTECTED_TAG, PROTECTED_VALUE = "nightshift", "protected"
MONITOR_DISABLE = "monitordisable"
MONITOR_DISABLE_VALUES = frozenset({"true", "test", "dev", "sandbox"})
"""What Azure Monitor Baseline Alerts takes for "leave this resource out".

Source: https://azure.github.io/azure-monitor-baseline-alerts/patterns/alz/HowTo/Disabling-Policies/
"""
SYSTEM_POOL = ("kubernetes.azure.com/mode", "system")
"""Source: https://learn.microsoft.com/azure/aks/use-system-pools"""

LOCKED_OUT: frozenset[Verb] = frozenset(
    {
        Verb.DEALLOCATE,
        Verb.SNAPSHOT,
        Verb.REDEPLOY,
        Verb.BOOT_DIAGNOSTICS,
        Verb.RESTART,
        Verb.START,
        Verb.REBUILD,
        Verb.GROW,
        Verb.CHECKPOINT,
        Verb.POOL_LEAVE,
        Verb.POOL_RETURN,
        Verb.POOL_WARN,
        Verb.POOL_SESSIONS,
        Verb.JOB_RESUBMIT,
        Verb.MARK,
        Verb.UNMARK,
        Verb.REMOVE,
        Verb.SNAPSHOT_COPY,
        Verb.RESTORE_POINT,
        Verb.RESTORE_POINT_REMOVE,
        Verb.ASSESS_PATCHES,
        Verb.INSTALL_PATCHES,
        Verb.ML_START,
        Verb.ML_RESTART,
        Verb.ML_DELETE,
        Verb.ML_MARK,
        Verb.ML_IDLE_TIME,
        Verb.ML_SCHEDULES,
        Verb.ML_SCALE,
        Verb.ENDPOINT_TRAFFIC,
        Verb.ENDPOINT_GATE,
        Verb.EXTENSION_CREATE,
        Verb.EXTENSION_UPDATE,
        Verb.EXTENSION_REPAIR,
        Verb.EXTENSION_DELETE,
    }
)
"""Verbs that a ReadOnly lock on their target, or above it, forbids.

They are writes and actions of the resource manager. Draining a node goes to its
cluster's API server and reactivating a task to the Batch account's endpoint: locks do
not reach there, and are not read for it. CanNotDelete forbids deletion: ``DELETES``.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
("Locks only apply to control plane Azure operations and not to data plane operations";
"A read-only lock on a resource group that contains a virtual machine prevents all users
from starting or restarting").
"""

DELETES: frozenset[Verb] = frozenset(
    {
        Verb.REMOVE,
        Verb.REBUILD,
        Verb.ML_DELETE,
        Verb.RESTORE_POINT_REMOVE,
        Verb.EXTENSION_DELETE,
    }
)
"""Verbs that delete their target, if only to make it anew: any lock forbids them."""


class LockLevel(StrEnum):
    """What a lock forbids. An unknown level counts as the strictest."""

    CAN_NOT_DELETE = "CanNotDelete"
    READ_ONLY = "ReadOnly"


@dataclass(frozen=True, slots=True)
class Lock:
    """A management lock.

    Attributes:
        scope: ARM id of what it lies on.
    """

    name: str
    level: LockLevel
    scope: str
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Shield:
    """What the deployment's settings protect.

    Attributes:
        tags: ``NAME`` for any value, or ``NAME=VALUE``.
        names: Globs over resource names.
        own: ARM ids of resource groups and resources that Nightshift itself lives in.
    """

    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def tag_that_protects(tags: Mapping[str, str], shield: Shield) -> str:
    """Return the tag that says "observe, never act" as ``NAME=VALUE``, or empty."""
    for name, value in tags.items():
        folded, said = name.casefold(), value.strip().casefold()
        is_ours = folded == PROTECTED_TAG and said == PROTECTED_VALUE
        if is_ours or (folded == MONITOR_DISABLE and said in MONITOR_DISABLE_VALUES):
            return f"{name}={value}"
        for wanted in shield.tags:
            key, equals, text = wanted.partition("=")
            if key.casefold() == folded and (not equals or text.strip().casefold() == said):
                return f"{name}={value}"
    return ""


def protection(
    resource: Resource, node: AksNode | None, shield: Shield, *, is_involuntary: bool
) -> str:
    """Say what protects a target, or return an empty text."""
    ids = [one for one in (resource.id, resource.pool) if one]
    if tag := tag_that_protects(resource.tags, shield):
        return f"its tag {tag}"
    for own in shield.own:
        if any(_is_within(one, own) for one in ids):
            return f"it is Nightshift's own: within {own} (NIGHTSHIFT_OWN_RESOURCES)"
    for pattern in shield.names:
        for name in _names(ids, node):
            if fnmatchcase(name.casefold(), pattern.casefold()):
                return f"the name {name} is like {pattern} (NIGHTSHIFT_PROTECTED_NAMES)"
    if node is None:
        return ""
    if node.labels.get(SYSTEM_POOL[0], "").casefold() == SYSTEM_POOL[1]:
        return f"its node is of a system pool: label {'='.join(SYSTEM_POOL)}"
    mark = "" if is_involuntary else mark_on(node)
    return f"another tool's mark on its node: {mark}" if mark else ""


def _names(ids: Iterable[str], node: AksNode | None) -> Iterator[str]:
    for one in ids:
        yield from ResourceId.parse(one).names
    if node is not None:
        yield node.name


def needs_locks(verbs: frozenset[Verb]) -> bool:
    """Tell whether a lock could forbid any of these verbs."""
    return bool(verbs & LOCKED_OUT)


def lock_against(verbs: frozenset[Verb], target: str, locks: Iterable[Lock]) -> str:
    """Say which lock forbids doing these verbs on a target, or return an empty text."""
    if not needs_locks(verbs):
        return ""
    for lock in locks:
        forbids = lock.level is LockLevel.READ_ONLY or verbs & DELETES
        if forbids and _is_within(target, lock.scope):
            notes = f" ({lock.notes})" if lock.notes else ""
            return f"the {lock.level.value} lock {lock.name} on {lock.scope}{notes}"
    return ""


def _is_within(one: str, scope: str) -> bool:
    return f"{one.casefold()}/".startswith(f"{scope.rstrip('/').casefold()}/")
