"""Rules on trial: a newer version of them, in force in some scopes only."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core import rollouts
from shared.rules.book import RuleBook


@dataclass(frozen=True, slots=True)
class Trial:
    """A version of the rules that is tried in a share of the scopes.

    Attributes:
        version: Which one.
        rules: All rules as they are with it.
        percent: Of the scopes, see ``rollouts.is_tried``.
    """

    version: str
    rules: RuleBook
    percent: int

    def covers(self, target: str) -> bool:
        """Tell whether a target is in a scope that tries it."""
        return rollouts.is_tried(target, self.percent)

    def place(self, target: str) -> str:
        """Name the tally in which a plan about a target is written down meanwhile."""
        return rollouts.place(self.version, is_tried=self.covers(target))
