"""The scenarios as stories that may be cut off at any point and must still end well.

A story is a world, what the senders send, and what must be true in the end: of the
ledger first, then of the world.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.steps import Verb
from tests.builders import (
    ACCOUNT,
    MINUTE,
    SECOND,
    VM,
    a_degradation,
    a_failed_task,
    a_reboot,
    a_rule,
    an_alert,
    canceled,
)
from tests.fakes.ledger import Crash
from tests.shift import Shift

Event = Callable[[Shift], object]


class Recovery(StrEnum):
    """What helps after a crash: the sender, who sends again, or our own queue and sweep."""

    SENT_AGAIN = "sent again at once"
    ON_OUR_OWN = "never sent again"
    SENT_LATE = "sent again when all is quiet"


@dataclass(frozen=True, eq=False)
class Story:
    """One scenario.

    Attributes:
        events: What is sent, in order; each is one invocation.
        expect: How often each effect must have happened once the story was told whole.
        look: What else must be true then.
    """

    name: str
    begin: Callable[[], Shift]
    events: tuple[Event, ...]
    expect: Counter[tuple[str, str]]
    outcomes: tuple[PlanOutcome, ...] = (PlanOutcome.DONE,)
    look: Callable[[Shift], None] = lambda shift: None

    def __str__(self) -> str:
        """Name it in a test's id."""
        return self.name

    def tell(self, *points: int, recovery: Recovery = Recovery.SENT_AGAIN) -> Shift:
        """Play it, dying at these trap points, and recover."""
        shift = self.begin()
        shift.die_at = {len(shift.passed) + point for point in points}
        lost: list[Event] = []
        for event in self.events:
            while not came_through(shift, event):
                if recovery is not Recovery.SENT_AGAIN:
                    lost.append(event)
                    break
                shift.move(10 * SECOND)
        shift.run_until_quiet()
        for event in lost if recovery is Recovery.SENT_LATE else []:
            while not came_through(shift, event):
                shift.move(10 * SECOND)
        shift.run_until_quiet()
        return shift

    def points(self) -> list[str]:
        """Name every trap point of an undisturbed night."""
        shift = self.begin()
        before = len(shift.passed)
        for event in self.events:
            event(shift)
        shift.run_until_quiet()
        return shift.passed[before:]


def points_of(stories: Iterable[Story]) -> list[Any]:
    """Name every point at which one of these stories may be cut off, for a test of each."""
    return [
        pytest.param(story, number, id=f"{story}: {number} {point}")
        for story in stories
        for number, point in enumerate(story.points(), start=1)
    ]


def assert_told_whole(story: Story) -> Shift:
    """Play a story without a crash; assert that it ends as it says, and return the shift."""
    shift = story.tell()
    assert_settled(shift)
    assert story.expect == effects(shift)
    assert story.outcomes == tuple(plan.outcome for plan in shift.plans)
    story.look(shift)
    return shift


def came_through(shift: Shift, event: Event) -> bool:
    """Send an event; tell whether the sender got its answer."""
    try:
        event(shift)
    except Crash:
        return False
    return True


def assert_settled(shift: Shift) -> None:
    """Assert on the ledger: every plan closed, every step ended, every target free."""
    ledger = shift.world.ledger
    for plan in shift.plans:
        assert not plan.is_open, plan
        assert plan.outcome is not None
        for record in plan.steps:
            assert record.outcome is not None, record
            assert record.finished_at is not None, record
            if record.outcome is StepOutcome.DONE and record.step.verb is not Verb.TELL:
                assert record.verified_at is not None, record  # a word leaves nothing to see
    assert {""} >= {head.in_flight for head in ledger.heads.values()}
    assert {} == ledger.index
    assert {plan.id for plan in shift.plans} == ledger.filed
    assert [] == shift.world.queue.waiting


def with_a_node() -> Shift:
    """A node with two pods, one of which its budget holds back once."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.world.cluster.pods_by_uid["worker-29-1"].blocks = 1
    return shift


def drained() -> Shift:
    """A node that was drained, so that only the withdrawal is left to tell."""
    shift = with_a_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    return shift


def tick(shift: Shift) -> object:
    """Let the timer fire in a minute of its own."""
    shift.move(MINUTE)
    return shift.tick()


def with_idle_machines() -> Shift:
    """Two machines that nobody uses."""
    shift = Shift.begin(a_rule("deallocate_idle"))
    for name in (VM, f"{VM}-b"):
        shift.with_machine(name)
    return shift


def with_failed_tasks() -> Shift:
    """Three tasks that failed, of which each may run again once."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks", retries=1))
    shift.with_job(*(a_failed_task(f"t{n}") for n in range(3)))
    assert ACCOUNT.casefold() in shift.world.batch.accounts
    return shift


def with_degraded_hardware() -> Shift:
    """A machine with two disks."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os", "data")
    return shift


NODE = "aks-spot-1-vmss000029"
PODS = Counter({("evict", "worker-29-0"): 1, ("evict", "worker-29-1"): 1})
EVICTION = Story(
    "eviction",
    with_a_node,
    (lambda shift: shift.deliver(a_reboot()),),
    Counter({("cordon", NODE): 1}) + PODS,
)
WITHDRAWN = Story(
    "withdrawal of a drained node",
    drained,
    (lambda shift: shift.deliver(canceled(a_reboot())),),
    Counter({("cordon", NODE): 1, ("uncordon", NODE): 1}) + PODS,
    (PlanOutcome.DONE, PlanOutcome.DONE),
)
IDLE = Story(
    "idle machines",
    with_idle_machines,
    (tick,),
    Counter({("deallocate", VM): 1, ("deallocate", f"{VM}-b"): 1}),
    (PlanOutcome.DONE, PlanOutcome.DONE),
)
BATCH = Story(
    "failed tasks",
    with_failed_tasks,
    (lambda shift: shift.deliver(an_alert()),),
    Counter({("reactivate", f"frames/t{n}"): 1 for n in range(3)}),
)
DEGRADED = Story(
    "degraded hardware",
    with_degraded_hardware,
    (lambda shift: shift.deliver(a_degradation()),),
    Counter({("redeploy", VM): 1}),
)
STORIES = (EVICTION, WITHDRAWN, IDLE, BATCH, DEGRADED)


def effects(shift: Shift) -> Counter[tuple[str, str]]:
    """Count the effects; snapshots, which the plan names, are counted by ``snapshots``."""
    return Counter(effect for effect in shift.world.effects if effect[0] != "create_snapshot")


def snapshots(shift: Shift) -> list[str]:
    """Name the disks that were saved, one name for each call."""
    found = shift.world.compute.snapshots
    return [found[name.casefold()].state.source for name in shift.done("create_snapshot")]
