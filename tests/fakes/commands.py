"""Machines on which a few files can be run, each with its output and its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.core.errors import InvalidTarget
from shared.ports import OperationState, Output
from tests.fakes.effects import Trapped


@dataclass
class FakeRun:
    """One command that was sent, and the looks left until it ends."""

    vm: str
    script: tuple[str, ...]
    looks_left: int


@dataclass(kw_only=True)
class FakeCommands(Trapped):
    """Commands on machines.

    Attributes:
        files: By folded VM id: path to what it writes and its exit code.
        ran: Every command that was sent, in order.
        looks: Reads that still show a command running.
        sessions: How many people work there, one look after the other.
        fails: What the platform says if it cannot run any, or empty.
    """

    files: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    ran: list[FakeRun] = field(default_factory=list)
    looks: int = 1
    fails: str = ""
    sessions: list[int] = field(default_factory=lambda: [0])

    def add(self, vm: str, path: str, writes: str = "", code: int = 0) -> None:
        """Put a file onto a machine."""
        self.files.setdefault(vm.casefold(), {})[path] = (writes, code)

    async def run(self, vm: str, script: Sequence[str]) -> str:
        """Begin a command."""
        self.before("run")
        if vm.casefold() not in self.files:
            raise InvalidTarget(f"there is no virtual machine {vm}")
        self.ran.append(FakeRun(vm, tuple(script), self.looks))
        self.happened("run", f"{vm} {script[0]}")
        return f"run-{len(self.ran) - 1}"

    async def output(self, vm: str, token: str) -> Output:
        """Tell how a command stands, one look nearer to its end."""
        self.reading("output")
        number = token.removeprefix("run-")
        if not number.isdigit() or int(number) >= len(self.ran):
            return Output(OperationState.LOST)
        run = self.ran[int(number)]
        run.looks_left -= 1
        if run.looks_left >= 0:
            return Output(OperationState.RUNNING)
        if self.fails:
            return Output(OperationState.FAILED, words=self.fails)
        return Output(OperationState.SUCCEEDED, self._text(run))

    def _text(self, run: FakeRun) -> str:
        known = self.files[run.vm.casefold()]
        if "nightshift-sessions=" in run.script[0]:
            left = self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]
            return f"Enable succeeded: \n[stdout]\nnightshift-sessions={left}\n\n[stderr]\n"
        path = next((p for p in known if any(p in line for line in run.script)), "")
        writes, code = known.get(path, ("not found", 127))
        return f"Enable succeeded: \n[stdout]\n{writes}\nnightshift-exit={code}\n\n[stderr]\n"
