"""Empty an instance of a shared pool: out of rotation, its users told, their work ended.

Whose mark it is stands in the tag's value, with whether the instance was protected before.
What is run on it are lines of our own, and no word of an event.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import timedelta

from shared.core.command_output import EXIT_MARK, exit_code, fit_to_keep
from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused, unknown
from shared.ports import OperationState

NOTICE = "/run/nightshift/notice"
PROTECTED = "+protected"
_COUNT = re.compile(r"^nightshift-sessions=(\d+)\s*$", re.MULTILINE)
LOOK_AGAIN = timedelta(seconds=2)
COUNT_EACH = timedelta(seconds=10)
MARK_LIMIT = timedelta(minutes=5)
SHOWN = 400


async def pool_leave(work: Work) -> StepResult:
    """Take the instance out of rotation, unless somebody else did."""
    found = await work.ports.shared_pools.instance(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if found.taken_out_by.startswith(work.plan.id):
        return done(mark=found.taken_out_by)
    if found.taken_out_by:
        return already(Reason.TAKEN_OUT_BY_OTHERS, mark=found.taken_out_by)
    if work.running_for() >= MARK_LIMIT:
        return failed(Reason.TIMED_OUT)
    if not work.progress.get("mark"):
        mark = work.plan.id + (PROTECTED if found.is_protected else "")
        work.must_be_ours()
        await work.ports.shared_pools.mark(work.target, taken_out_by=mark, is_protected=True)
        raise not_yet("taking it out of rotation", LOOK_AGAIN, mark=mark)
    raise not_yet("taking it out of rotation", LOOK_AGAIN, **work.progress)


async def pool_return(work: Work) -> StepResult:
    """Put back what that plan took out, as it was before."""
    found = await work.ports.shared_pools.instance(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if not found.taken_out_by.startswith(str(work.args["of"])):
        was_sent = work.record.attempts > 1 and not found.taken_out_by
        return done() if was_sent else already(Reason.NOT_OURS if found.taken_out_by else "")
    if work.running_for() >= MARK_LIMIT:
        return unknown(Reason.UNVERIFIED)
    if not work.progress.get("is_sent"):
        work.must_be_ours()
        was = found.taken_out_by.endswith(PROTECTED)
        await work.ports.shared_pools.mark(work.target, taken_out_by="", is_protected=was)
    raise not_yet("putting it back into rotation", LOOK_AGAIN, is_sent=True)


async def pool_warn(work: Work) -> StepResult:
    """Write the notice where people and their shells find it, and onto their terminals."""
    words = shlex.quote(str(work.args["message"]))
    lines = [
        "set -e",
        f"mkdir -p {NOTICE.rpartition('/')[0]}",
        f"printf '%s\\n' {words} > {NOTICE}",
        f"wall {words} 2>/dev/null || true",
        "set +e",
        f"test -s {NOTICE}",
        f'echo "{EXIT_MARK}$?"',
    ]
    text = await _ran(work, lines)
    if isinstance(text, StepResult):
        return text
    code = exit_code(text)
    if code is None:
        return unknown(Reason.UNVERIFIED)
    if code != 0:
        return failed(Reason.COMMAND_FAILED, exit_code=code)
    return done(notice=NOTICE)


async def pool_sessions(work: Work) -> StepResult:
    """Wait until nobody works there, to the deadline and no longer."""
    found = await work.ports.shared_pools.instance(work.target)
    if found is None:
        return already(Reason.TARGET_GONE)
    if not found.taken_out_by:
        return refused(Reason.RETURNED_BY_HAND)
    late, seen = _too_late(work), work.progress.get("sessions")
    if late and seen:
        return failed(Reason.SESSIONS_REMAIN, sessions=seen, because=late)
    counted = "who | wc -l"
    if work.args["sessions"]:
        counted = shlex.quote(str(work.args["sessions"]))
    text = await _ran(work, [f'echo "nightshift-sessions=$({counted})"'])
    if isinstance(text, StepResult):
        return text
    numbers = _COUNT.findall(text)
    if not numbers:
        return unknown(Reason.UNVERIFIED, said=fit_to_keep(text)[:SHOWN])
    left = int(numbers[-1])
    if left == 0:
        return done(sessions=0)
    wait = max(min(COUNT_EACH, _time_left(work)), timedelta(0))
    raise not_yet(f"waiting for {left} sessions", wait, sessions=left)


async def _ran(work: Work, lines: Sequence[str]) -> str | StepResult:
    """Run lines and return what they wrote, or how the step ends if they cannot be."""
    token = str(work.progress.get("token") or "")
    if not token:
        work.must_be_ours()
        token = await work.ports.commands.run(work.target, lines)
        raise not_yet("running a command", LOOK_AGAIN, **work.progress, token=token)
    output = await work.ports.commands.output(work.target, token)
    if output.state is OperationState.SUCCEEDED:
        return output.text
    if output.state is not OperationState.RUNNING:
        return unknown(Reason.UNVERIFIED, said=fit_to_keep(output.words)[:SHOWN])
    late = _too_late(work)
    if late:
        return unknown(late)
    raise not_yet("running a command", LOOK_AGAIN, **work.progress)


def _time_left(work: Work) -> timedelta:
    """Return how long waiting is still of use."""
    if work.deadline is not None:
        return work.deadline - timedelta(seconds=work.args["margin_s"]) - work.now()
    return timedelta(seconds=work.args["timeout_s"]) - work.running_for()


def _too_late(work: Work) -> str:
    if _time_left(work) > timedelta(0):
        return ""
    return Reason.TIMED_OUT if work.deadline is None else Reason.DEADLINE_PASSED
