"""What every fake of the cloud shares: the list of effects and the one trap around each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Effect = tuple[str, str]
"""What was done, and to what: ``("deallocate", vm id)``, ``("evict", pod uid)``."""

Trap = Callable[[str], None]
"""Called with ``before X`` and ``after X``; raise in it to die, or to fail, right there."""


def no_trap(where: str) -> None:
    """Let everything pass."""


@dataclass(kw_only=True)
class Trapped:
    """A fake whose every effect passes one hook before and after it happens.

    Raised ``before``, an effect has not happened; raised ``after``, it has and only
    its answer is lost. Reads pass it too, as ``read X``.
    """

    effects: list[Effect] = field(default_factory=list)
    trap: Trap = no_trap

    def before(self, name: str) -> None:
        """Stand before an effect that has not happened."""
        self.trap(f"before {name}")

    def happened(self, name: str, target: str) -> None:
        """Record an effect that has just happened, then stand after it."""
        self.effects.append((name, target))
        self.trap(f"after {name}")

    def reading(self, name: str) -> None:
        """Stand before a read."""
        self.trap(f"read {name}")

    def count(self, name: str) -> int:
        """Count one kind of effect."""
        return sum(1 for what, _ in self.effects if what == name)
