"""One attempt at one Slurm step, on whichever Slurm a test has; the rest is fake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.plans import Plan, StepOutcome, StepRecord
from shared.core.slurm import SlurmNode
from shared.core.steps import Step, Verb
from shared.engine.effects import Work
from tests.builders import NOW, SECOND, a_plan, instance
from tests.fakes.effects import no_trap
from tests.fakes.slurm import CLUSTER
from tests.shift import a_night, a_world

PLAN = "p-1"
ARGS: Mapping[Verb, Mapping[str, Any]] = {
    Verb.SLURM_DRAIN: {"because": "vm.preempt e-1"},
    Verb.SLURM_CHECKPOINT: {"signal": "USR1", "wait_s": 12.0, "margin_s": 5.0},
    Verb.SLURM_REQUEUE: {
        "requeue": "only_requeueable",
        "after_s": 0.0,
        "margin_s": 5.0,
        "timeout_s": 60.0,
    },
}


def a_slurm_plan(node: SlurmNode | str, **fields: Any) -> Plan:
    """Make the plan that drains a node, with its three steps."""
    name, address = (node, "") if isinstance(node, str) else (node.name, node.address)
    where = {"cluster": CLUSTER, "node": name, "address": address}
    steps = (Step(verb, instance(29), {**where, **args}) for verb, args in ARGS.items())
    values = {"id": PLAN, "steps": tuple(StepRecord(step) for step in steps), **fields}
    return a_plan(**values)


def work_on(slurm: Any, node: SlurmNode | str, verb: Verb, **changes: Any) -> Work:
    """Begin a step of that plan, those before it done.

    Args:
        changes: Of the step's arguments; ``progress``, ``plan`` and ``attempts`` apart.
    """
    plan = changes.pop("plan", None) or a_slurm_plan(node)
    progress, attempts = changes.pop("progress", {}), changes.pop("attempts", 1)
    index = list(ARGS).index(verb)
    done = [replace(r, outcome=StepOutcome.DONE, started_at=NOW) for r in plan.steps[:index]]
    step = plan.steps[index].step
    now = StepRecord(
        replace(step, args={**step.args, **changes}),
        attempts=attempts,
        started_at=NOW,
        progress=progress,
    )
    plan = replace(plan, steps=(*done, now, *plan.steps[index + 1 :]))
    world = a_world(NOW, no_trap)
    ports = replace(a_night(world).ports, slurm=slurm)

    async def remember(progress: Mapping[str, Any]) -> None:
        """Nobody else works on it."""

    return Work(ports, plan, index, remember)


LATE = NOW + 60 * SECOND
