"""Run the checkpoint command that a machine's owner declared, and keep what it said.

The platform's run command tells no exit code that could be relied on, so a line of ours
after the command writes it. A call whose answer was lost is made again: what is declared
must be safe to run twice, and is told the step's name, by which it may know.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/run-command
"""

from __future__ import annotations

import shlex
from datetime import timedelta

from shared.core.command_output import EXIT_MARK, exit_code, fit_to_keep
from shared.core.decisions import Reason
from shared.core.hooks import hook_exit_code
from shared.core.ledger import StepResult
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, done, failed, not_yet, unknown
from shared.ports import OperationState, Output

LOOK_AGAIN = timedelta(seconds=1)
SHOWN = 400


def record_name(plan: str, step: int) -> str:
    """Name the document that keeps what a command wrote."""
    return f"checkpoint/{plan}-{step}.json"


async def checkpoint(work: Work) -> StepResult:
    """Send the command once, look for its end, and believe its own exit code."""
    if work.args.get("by") == "hook":
        return await _of_hook(work)
    token = str(work.progress.get("token") or "")
    if not token:
        work.must_be_ours()
        token = await work.ports.commands.run(work.target, _script(work))
        sent = write_moment(work.now())
        raise not_yet("running the checkpoint", LOOK_AGAIN, token=token, sent_at=sent)
    output = await work.ports.commands.output(work.target, token)
    match output.state:
        case OperationState.RUNNING:
            late = _too_late(work)
            if late:
                return unknown(late, command=work.args["script"])
            raise not_yet("running the checkpoint", LOOK_AGAIN, **work.progress)
        case OperationState.FAILED:
            return failed(Reason.REJECTED, said=fit_to_keep(output.words)[:SHOWN])
        case OperationState.LOST:
            return unknown(Reason.UNVERIFIED, said=fit_to_keep(output.words)[:SHOWN])
        case _:
            return await _ended(work, output)


async def _of_hook(work: Work) -> StepResult:
    """Wait until the machine's forwarder tells how the local hook ended."""
    event = str(work.plan.signal.get("event_id") or "")
    code = hook_exit_code(await work.ports.ledger.find_event(event), work.target)
    if code is not None and code != 0:
        return failed(Reason.COMMAND_FAILED, exit_code=code, by="hook")
    if code == 0:
        return done(exit_code=code, by="hook")
    late = _too_late(work)
    if late:
        return unknown(late, by="hook")
    raise not_yet("waiting for the forwarder's hook", LOOK_AGAIN)


async def _ended(work: Work, output: Output) -> StepResult:
    name = record_name(work.plan.id, work.index)
    code = exit_code(output.text)
    document = {
        "plan": work.plan.id,
        "vm": work.target,
        "command": work.args["script"],
        "exit_code": code,
        "ended_by": write_moment(work.now()),
        "output": fit_to_keep(output.text),
    }
    await work.ports.records.keep(name, document)
    if code is None:
        return unknown(Reason.UNVERIFIED, record=name)
    if code != 0:
        return failed(Reason.COMMAND_FAILED, exit_code=code, record=name)
    return done(exit_code=code, record=name)


def _script(work: Work) -> list[str]:
    """Write the lines: the declared file, what it is about, and what became of it.

    Nothing of an event reaches the shell but words of our own.
    """
    left = work.args["timeout_s"]
    if work.deadline is not None:
        left = min(left, max((work.deadline - work.now()).total_seconds(), 1.0))
    about = [str(work.plan.signal.get("type") or ""), str(int(left)), work.key]
    words = " ".join(shlex.quote(word) for word in (str(work.args["script"]), *about))
    return [f"timeout {int(left) + 1} {words}", f'echo "{EXIT_MARK}$?"']


def _too_late(work: Work) -> str:
    if work.deadline is not None:
        margin = timedelta(seconds=work.args["margin_s"])
        return Reason.DEADLINE_PASSED if work.now() >= work.deadline - margin else ""
    limit = timedelta(seconds=work.args["timeout_s"])
    return Reason.TIMED_OUT if work.running_for() >= limit else ""
