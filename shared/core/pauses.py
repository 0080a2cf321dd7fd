"""Pauses: a person's word that no new plan is opened within a scope, until a moment.

What is under way goes on, and what was done is still taken back when its notice is. A
pause names who asked for it and why, because whoever meets its refusal at night asks
just that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.core.durations import format_duration
from shared.core.resource_ids import ResourceId

LONGEST = timedelta(days=30)
"""Longer than any holiday: who wants more says so, by "until lifted"."""
SHORTEST = timedelta(minutes=1)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RULE = re.compile(r"(runbook/)?[a-z0-9_]+(-[a-z0-9]+)*")
_ID = re.compile(r"pause-[0-9a-z]{1,40}")
_SHAPES = (
    "global, rule:NAME, subscription:ID, resource_group:ID, resource:ID or tag:NAME=VALUE"
)


def is_pause_id(text: str) -> bool:
    """Tell whether a text has the form of a pause's id; nothing else is ever asked for."""
    return _ID.fullmatch(text) is not None


class ScopeKind(StrEnum):
    """What a pause stretches over."""

    GLOBAL = "global"
    RULE = "rule"
    SUBSCRIPTION = "subscription"
    RESOURCE_GROUP = "resource_group"
    RESOURCE = "resource"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a plan would touch, as far as a scope can tell.

    Attributes:
        ids: ARM ids it is or belongs to: the target, its scale set or workspace, the
            cluster of its node.
    """

    rule: str
    ids: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pause stretches over; ids without a trailing slash, tags as ``NAME=VALUE``."""

    kind: ScopeKind
    value: str = ""

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.kind}:{self.value}" if self.value else str(self.kind)

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read a scope.

        Raises:
            ValueError: It has none of the shapes; the message says what to write.
        """
        word, _, value = text.strip().partition(":")
        try:
            kind = ScopeKind(word)
        except ValueError:
            raise ValueError(f"scope {text[:80]!r} is not known: write {_SHAPES}") from None
        if kind is ScopeKind.GLOBAL:
            if value:
                raise ValueError("scope global has no value: write only global")
            return cls(kind)
        return cls(kind, _READ[kind](value.strip()))

    def covers(self, subject: Subject) -> bool:
        """Tell whether a plan is within the scope; ids and tag names fold case."""
        match self.kind:
            case ScopeKind.GLOBAL:
                return True
            case ScopeKind.RULE:
                return self.value == subject.rule
            case ScopeKind.TAG:
                name, _, value = self.value.partition("=")
                folded = {key.casefold(): text for key, text in subject.tags.items()}
                return folded.get(name.casefold()) == value
            case _:
                return any(_is_within(one, self._id) for one in subject.ids)

    @property
    def _id(self) -> str:
        is_bare = self.kind is ScopeKind.SUBSCRIPTION
        return f"/subscriptions/{self.value}" if is_bare else self.value


def _is_within(one: str, scope: str) -> bool:
    return f"{one.rstrip('/').casefold()}/".startswith(f"{scope.casefold()}/")


def _rule(value: str) -> str:
    if not _RULE.fullmatch(value):
        raise ValueError(f"rule {value[:80]!r} is no rule's name: write rule:NAME")
    return value


def _subscription(value: str) -> str:
    guid = value.rstrip("/").rpartition("/")[2]
    if not _GUID.fullmatch(guid) or value.rstrip("/") not in {guid, f"/subscriptions/{guid}"}:
        raise ValueError(f"{value[:80]!r} is no subscription: write subscription:GUID")
    return guid.lower()


def _resource_group(value: str) -> str:
    found = _parsed(value)
    if found is None or found.type or not found.resource_group:
        raise ValueError(
            f"{value[:200]!r} is no resource group: write "
            "resource_group:/subscriptions/GUID/resourceGroups/NAME"
        )
    return found.text


def _resource(value: str) -> str:
    found = _parsed(value)
    if found is None or not found.type:
        raise ValueError(f"{value[:200]!r} is no resource: write resource: and its ARM id")
    return found.text


def _parsed(value: str) -> ResourceId | None:
    try:
        return ResourceId.parse(value)
    except ValueError:
        return None


def _tag(value: str) -> str:
    name, equals, _ = value.partition("=")
    if not name.strip() or not equals:
        raise ValueError(f"{value[:80]!r} is no tag: write tag:NAME=VALUE")
    return value


_READ = {
    ScopeKind.RULE: _rule,
    ScopeKind.SUBSCRIPTION: _subscription,
    ScopeKind.RESOURCE_GROUP: _resource_group,
    ScopeKind.RESOURCE: _resource,
    ScopeKind.TAG: _tag,
}


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause, in force or over.

    Attributes:
        owner: Who asked for it.
        is_owner_verified: The platform's sign-in says so; else they say so themselves.
        expires_at: When it ends by itself; None if only somebody lifting it ends it.
        lifted_by: Who lifted it, or empty.
    """

    id: str
    scope: Scope
    owner: str
    reason: str
    created_at: datetime
    expires_at: datetime | None
    is_owner_verified: bool = False
    lifted_at: datetime | None = None
    lifted_by: str = ""

    def is_in_force(self, now: datetime) -> bool:
        """Tell whether it stops new plans at a moment."""
        is_over = self.expires_at is not None and now >= self.expires_at
        return self.lifted_at is None and not is_over

    @property
    def words(self) -> str:
        """Say which pause it is, whose, why and until when: the detail of its refusal."""
        who = self.owner if self.is_owner_verified else f"{self.owner} (self-declared)"
        end = f"until {_clock(self.expires_at)}" if self.expires_at else "until lifted"
        return f"{self.id} of {self.scope} by {who} {end}: {self.reason}"


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry(now: datetime, expires_in: timedelta | None) -> datetime | None:
    """Return when a pause ends; None stands for until lifted.

    Raises:
        ValueError: It is not between a minute and thirty days.
    """
    if expires_in is None:
        return None
    if not SHORTEST <= expires_in <= LONGEST:
        raise ValueError(
            f"expires_in was {format_duration(expires_in)}: write {format_duration(SHORTEST)} "
            f"to {format_duration(LONGEST)}, or until_lifted: true"
        )
    return now + expires_in


def longest(pauses: Iterable[Pause], subject: Subject, now: datetime) -> Pause | None:
    """Return the pause that stops a plan for longest, or None if none stops it."""
    found = [one for one in pauses if one.is_in_force(now) and one.scope.covers(subject)]
    latest = datetime.max.replace(tzinfo=UTC)
    return max(found, key=lambda one: (one.expires_at or latest, one.id), default=None)
