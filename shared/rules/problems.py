"""What is wrong with a rule file, where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from shared.core.errors import InvalidSetting

LISTED_AT_MOST = 20


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a rule file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def right(self, characters: int) -> Place:
        """Move along the line."""
        return Place(self.file, self.line, self.column + characters)

    def __str__(self) -> str:
        """Write it as editors and compilers do."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing that is wrong.

    Attributes:
        message: What was wrong.
        suggestion: What to write instead.
    """

    file: str
    line: int
    column: int
    message: str
    suggestion: str

    def __str__(self) -> str:
        """Write it on one line, position first, so that editors can jump to it."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}; {self.suggestion}"


class RulesRefused(InvalidSetting):
    """The rules do not load; those already running stay in force.

    Attributes:
        problems: All that is wrong, in the order of the files.
    """

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """Collects what is wrong, so that one run names everything."""

    def __init__(self) -> None:
        self._found: dict[RuleProblem, None] = {}

    def add(self, place: Place, message: str, suggestion: str) -> None:
        """Note one problem; the same one twice is one."""
        clean = " ".join(message.split())
        problem = RuleProblem(place.file, place.line, place.column, clean, suggestion)
        self._found[problem] = None

    def __len__(self) -> int:
        """Count them."""
        return len(self._found)

    def refuse_if_any(self, files: Iterable[str]) -> None:
        """Raise all of them at once, sorted by the files' order and the position.

        Raises:
            RulesRefused: There is at least one.
        """
        if not self._found:
            return
        rank = {file: index for index, file in enumerate(files)}
        raise RulesRefused(
            sorted(self._found, key=lambda p: (rank.get(p.file, -1), p.line, p.column))
        )


def instead(word: str, known: Iterable[str], what: str) -> str:
    """Suggest the known word nearest to ``word``, or list what there is."""
    options = sorted(known)
    near = difflib.get_close_matches(word.casefold(), options, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    if not options:
        return f"there is no {what} to choose from: leave it out"
    listed = ", ".join(options[:LISTED_AT_MOST])
    more = len(options) - LISTED_AT_MOST
    return f"write one of: {listed}" + (f" and {more} more" if more > 0 else "")
