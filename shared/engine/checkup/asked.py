"""What is asked of a look at the app."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.core.errors import MalformedEvent
from shared.core.resource_ids import ResourceId
from shared.engine.rule_watch import RuleWatch

MOST = 20
_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at.

    Attributes:
        scopes: Where rights are looked at; empty for what the settings name.
        dead_letters: Containers of the app's account into which Event Grid puts what it
            could not deliver: only its subscriptions know them.
        checks: Names of checks; empty for all.
        watch: What this process knows of its container of rules, if there is one.
    """

    scopes: tuple[str, ...] = ()
    dead_letters: tuple[str, ...] = ()
    checks: frozenset[str] = frozenset()
    watch: RuleWatch | None = None

    def wants(self, name: str) -> bool:
        """Tell whether a check is asked for."""
        return not self.checks or name in self.checks


def read_asked(*, scopes: str, dead_letters: str, checks: str, known: Iterable[str]) -> Asked:
    """Read a query's lists, each with commas.

    Raises:
        MalformedEvent: A scope is no ARM id, a container no container's name, a check
            none of ours.
    """
    wanted = frozenset(_list("checks", checks))
    unknown = sorted(wanted - set(known) - {"none"})
    if unknown:
        raise MalformedEvent(f"checks: {unknown[0][:40]!r} is none of {', '.join(known)}")
    names = _list("dead_letters", dead_letters)
    for name in names:
        if not _CONTAINER.fullmatch(name):
            raise MalformedEvent(f"dead_letters: {name[:70]!r} is no container's name")
    return Asked(tuple(_scope(one) for one in _list("scope", scopes)), names, wanted)


def _scope(text: str) -> str:
    try:
        return ResourceId.parse(text).text
    except ValueError as error:
        raise MalformedEvent(f"scope: {error}") from None


def _list(name: str, text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(found) > MOST:
        raise MalformedEvent(f"{name}: {len(found)} at once; at most {MOST}")
    return found
