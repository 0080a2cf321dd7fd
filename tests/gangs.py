"""Jobs whose pods are on several nodes, and the notices that take some of those nodes."""

from __future__ import annotations

from typing import Any

from shared.core.gangs import BY_RULE, Gang
from shared.core.signals import Signal
from tests.builders import a_notice, a_pod, instance
from tests.shift import Shift

GANG = Gang("job_set", "jobs", "llm", "jobset.sigs.k8s.io/jobset-name=llm")
NUMBERS = (29, 30, 31, 32)


def run_gang(
    shift: Shift,
    *numbers: int,
    asks: str = BY_RULE,
    saves: str = "",
    gang: Gang = GANG,
    **pod: Any,
) -> None:
    """Put a job into the world: one pod on each of these nodes, its name the node's number."""
    for number in numbers or NUMBERS:
        if instance(number).casefold() not in shift.world.cluster.nodes:
            shift.with_node(a_pod(f"daemon-{number}", controller="DaemonSet"), number=number)
        one = a_pod(f"llm-{number}", gang=gang, asks=asks, controller="Job", **pod)
        shift.world.cluster.run(one, shift.node(number), saves=saves)


def a_wave(*numbers: int, **fields: Any) -> list[Signal]:
    """Make one notice that names several machines."""
    return [a_notice(number, **fields) for number in numbers or NUMBERS]


def gang_detail(shift: Shift, number: int, gang: Gang = GANG) -> dict[str, Any]:
    """Return what the drain of a node recorded of a job."""
    plans = [plan for plan in shift.plans if plan.target == instance(number)]
    found: dict[str, Any] = plans[-1].steps[1].detail["gangs"][gang.key]
    return found
