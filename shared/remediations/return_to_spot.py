"""Make a machine spot again, and its first size, that came back as something else.

Only a machine that bears the mark of ``restart_evicted_vm``, only while nothing uses it,
and not before it has run for a while: it is off for minutes, and may be evicted again the
next. Where there is no spot capacity it comes back as it was, and the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.example_signals import idle_tick
from shared.core.facts import FactsKind, MachineFacts, Resource, Utilisation
from shared.core.idleness import busy_with, must_be_sensible, no_longer_quiet, unknown_use
from shared.core.plans import Plan, StepOutcome
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.spot_marks import REGULAR, SPOT, TAG, SpotMark, read_mark, write_mark
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        after: How long it must have been something else before it is turned back.
        idle_for: How long everything must have been quiet.
        cpu_below: Busiest five minutes of the processor, fraction 0..1.
        gpu_below: The same of the GPU.
        network_below: Busiest five minutes of the network, bytes a second.
        coverage: Share of the window's points that must have a value, 0..1.
        gpu_metric: ``namespace/name`` of the guest metric with GPU utilisation in
            percent; without it a machine with a GPU is never idle.
        pause: How long to wait before spot capacity is asked for again; doubled each
            round, 15 minutes at most.
        within: When to give up, the machine running as it did before.
        even_if_busy: Turn it back whatever the metrics say; for a person's runbook.
    """

    after: timedelta = timedelta(hours=1)
    idle_for: timedelta = timedelta(minutes=30)
    cpu_below: float = 0.05
    gpu_below: float = 0.05
    network_below: float = 100_000.0
    coverage: float = 0.9
    gpu_metric: str = ""
    pause: timedelta = timedelta(minutes=1)
    within: timedelta = timedelta(hours=1)
    even_if_busy: bool = False

    def __post_init__(self) -> None:
        """Refuse what would make every machine idle, or none."""
        must_be_sensible(self)
        if self.pause < timedelta(seconds=5):
            raise ValueError("pause must be at least 5s")


def decide(signal: Signal, facts: MachineFacts, settings: Settings, now: datetime) -> Decision:
    """Take it down once it is quiet, and bring it up as it was first."""
    try:
        mark = read_mark(facts.resource.tags)
    except ValueError as error:
        return Skip(Reason.NOT_MARKED, str(error))
    if mark is None:
        return Skip(Reason.NOT_MARKED, f"no tag {TAG}: it was not changed by Nightshift")
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power != "running":
        return Skip(Reason.NOT_RUNNING, f"its power state is {facts.power}")
    if not (settings.even_if_busy and signal.type is SignalType.RUNBOOK):
        if now < mark.since + settings.after:
            return Hold(Reason.TOO_SOON, until=mark.since + settings.after)
        doubt = unknown_use(facts, settings)
        if doubt:
            return Hold(Reason.NO_DATA, detail=doubt)
        busy = busy_with(facts.utilisation, settings)
        if busy:
            return Skip(Reason.NOT_IDLE, busy)
    return Act((Step(Verb.DEALLOCATE, signal.target), _back(signal, facts, mark, settings)))


def _back(signal: Signal, facts: MachineFacts, mark: SpotMark, settings: Settings) -> Step:
    """Bring it up as it was first, else as it is now."""
    is_paid = mark.how == "on_demand"
    now_is = REGULAR if is_paid else SPOT
    ways = [
        {"how": "as_it_was", "size": mark.size, "priority": SPOT},
        {"how": "as_it_is", "size": facts.resource.size, "priority": now_is},
    ]
    args = {
        "ways": ways,
        "must_be": {"size": mark.size, "priority": SPOT},
        "pause_s": settings.pause.total_seconds(),
        "within_s": settings.within.total_seconds(),
    }
    return Step(Verb.REBUILD if is_paid else Verb.START, signal.target, args)


def recheck(
    plan: Plan, facts: MachineFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop before it is taken down when somebody began to use it; not after."""
    is_down = plan.steps[0].outcome is StepOutcome.DONE or facts.power != "running"
    asked_anyway = settings.even_if_busy and plan.signal.get("type") == SignalType.RUNBOOK
    if is_down or asked_anyway:
        return None
    return no_longer_quiet(facts, settings)


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/trainer-1"
_SIZE = "Standard_D8s_v5"
_MARK = SpotMark("on_demand", _SIZE, "Deallocate", -1.0, _NOW - timedelta(hours=6))
_QUIET = Utilisation(
    window=timedelta(minutes=30),
    cpu=0.01,
    gpu=None,
    network=900.0,
    samples=6,
    expected_samples=6,
)
_RESOURCE = Resource(_VM, VM, "trainer-1", size=_SIZE, tags={TAG: write_mark(_MARK)})
_FACTS = MachineFacts(_RESOURCE, "running", has_gpu=False, utilisation=_QUIET)
_TICK = idle_tick(_VM, _NOW)
_LIMITS = {"pause_s": 60.0, "within_s": 3600.0}
_WAS = {"how": "as_it_was", "size": _SIZE, "priority": "spot"}
_MUST = {"must_be": {"size": _SIZE, "priority": "spot"}}
_BIG = "Standard_D16s_v5"

REMEDIATION = Remediation(
    name="return_to_spot",
    summary="Make a machine spot again, in its first size, that an eviction had changed.",
    answers=frozenset({SignalType.COMPUTE_IDLE, SignalType.RUNBOOK}),
    facts=FactsKind.MACHINE,
    settings=Settings,
    verbs=frozenset({Verb.DEALLOCATE, Verb.START, Verb.REBUILD}),
    decide=decide,
    recheck=recheck,
    only_tagged=TAG,
    examples=(
        Example(
            "on demand for six hours, and idle: spot again, else as it is",
            _TICK,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.DEALLOCATE, _VM),
                    Step(
                        Verb.REBUILD,
                        _VM,
                        {
                            "ways": [
                                _WAS,
                                {"how": "as_it_is", "size": _SIZE, "priority": "regular"},
                            ],
                            **_MUST,
                            **_LIMITS,
                        },
                    ),
                )
            ),
        ),
        Example(
            "spot in another size: its first size again",
            _TICK,
            replace(
                _FACTS,
                resource=replace(
                    _RESOURCE,
                    size=_BIG,
                    tags={TAG: write_mark(replace(_MARK, how="other_size"))},
                ),
            ),
            _NOW,
            Act(
                (
                    Step(Verb.DEALLOCATE, _VM),
                    Step(
                        Verb.START,
                        _VM,
                        {
                            "ways": [
                                _WAS,
                                {"how": "as_it_is", "size": _BIG, "priority": "spot"},
                            ],
                            **_MUST,
                            **_LIMITS,
                        },
                    ),
                )
            ),
        ),
        Example(
            "nobody changed it: it is what its owner wants it to be",
            _TICK,
            replace(_FACTS, resource=replace(_RESOURCE, tags={})),
            _NOW,
            Skip(Reason.NOT_MARKED, f"no tag {TAG}: it was not changed by Nightshift"),
        ),
        Example(
            "a mark that somebody else wrote: never guessed at",
            _TICK,
            replace(_FACTS, resource=replace(_RESOURCE, tags={TAG: "cheap please"})),
            _NOW,
            Skip(Reason.NOT_MARKED, f"the tag {TAG} is none of ours: it cannot be read"),
        ),
        Example(
            "a job runs: busy",
            _TICK,
            replace(_FACTS, utilisation=replace(_QUIET, cpu=0.8)),
            _NOW,
            Skip(Reason.NOT_IDLE, "processor at 80.0%"),
        ),
        Example(
            "changed ten minutes ago: looked at again when the hour is over",
            _TICK,
            replace(
                _FACTS,
                resource=replace(
                    _RESOURCE,
                    tags={TAG: write_mark(replace(_MARK, since=_NOW - timedelta(minutes=10)))},
                ),
            ),
            _NOW,
            Hold(Reason.TOO_SOON, until=_NOW + timedelta(minutes=50)),
        ),
    ),
)
