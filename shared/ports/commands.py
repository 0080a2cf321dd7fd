"""Commands on machines, through the platform: only such as their owners declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.ports.cloud import OperationState


@dataclass(frozen=True, slots=True)
class Output:
    """How a command stands.

    Attributes:
        text: What it wrote, as the machine's agent gives it back; empty if nothing is told.
        words: The service's own, if it could not be run.
    """

    state: OperationState
    text: str = ""
    words: str = ""


class Commands(Protocol):
    """A shell script on one VM at a time."""

    async def run(self, vm: str, script: Sequence[str]) -> str:
        """Ask for these lines to be run; return a token (<= 4 KiB, no secret).

        Raises:
            InvalidTarget: There is no such VM.
            StaleFacts: Another command runs there.
        """
        ...

    async def output(self, vm: str, token: str) -> Output:
        """Tell how the command of that token stands, and what it wrote when it has ended."""
        ...
