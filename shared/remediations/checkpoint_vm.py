"""Run the checkpoint command of a standalone VM before the platform takes the machine.

Only what the owner declared: the tag ``nightshift-checkpoint`` names a file in a folder
that the rule allows, or the rule names the file. Who may tag a machine may so choose among
the files that its administrator put there, and run nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.core.acknowledging import Acknowledge
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, ManagedDisk, Resource, StandaloneFacts
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import INVOLUNTARY, Phase, Signal, SignalType
from shared.core.steps import Step, Verb
from shared.core.wire import write_moment

TAG = "nightshift-checkpoint"
_FILE = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")


class By(StrEnum):
    """Who runs the checkpoint command."""

    RUN_COMMAND = "run_command"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        by: Who runs the command: ``run_command``, the platform's; or ``hook``, the
            forwarder in the machine, whose end is waited for.
        script: The file to run on machines without the tag; none by default.
        folder: Where the file must be that a tag names.
        snapshot: Snapshot every managed disk after the command.
        keep: How long the snapshots are wanted; written on them as their expiry.
        margin: Time before the deadline at which waiting for the command ends.
        timeout: When there is no deadline, how long the command may take.
        acknowledge: Whether the notice may begin before its time: never, when_drained (all
            its machines are), or always (this machine is not waited for).
    """

    by: By = By.RUN_COMMAND
    script: str = ""
    folder: str = "/etc/nightshift"
    snapshot: bool = False
    keep: timedelta = timedelta(days=14)
    margin: timedelta = timedelta(seconds=3)
    timeout: timedelta = timedelta(minutes=10)
    acknowledge: Acknowledge = Acknowledge.NEVER

    def __post_init__(self) -> None:
        """Refuse what is no plain absolute path."""
        if self.script and not _FILE.fullmatch(self.script):
            raise ValueError("script does not fit: write a path such as /opt/save.sh")
        if self.script and self.by is By.HOOK:
            raise ValueError(
                "script and hook exclude each other: FORWARDER_HOOK names the file"
            )
        if not _FILE.fullmatch(self.folder):
            raise ValueError("folder does not fit: write a path without a / at its end")


def decide(
    signal: Signal, facts: StandaloneFacts, settings: Settings, now: datetime
) -> Decision:
    """Run what is declared, then take the snapshots if the rule wants them."""
    if facts.resource.pool:
        return Skip(Reason.NOT_STANDALONE, f"it belongs to {facts.resource.pool}")
    declared = next(
        (v.strip() for k, v in facts.resource.tags.items() if k.casefold() == TAG), ""
    )
    is_hook = settings.by is By.HOOK
    script = "" if is_hook else declared or settings.script
    if not script and not is_hook:
        return Skip(Reason.NOTHING_DECLARED, f"no tag {TAG}, and no script in the rule")
    if declared and not is_hook and not _is_allowed(declared, settings.folder):
        wanted = f"a file directly or deeper in {settings.folder}"
        return Skip(Reason.BAD_DECLARATION, f"the tag {TAG} must name {wanted}")
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power != "running":
        return Skip(Reason.NOT_RUNNING, f"its power state is {facts.power}")
    run = {
        **({"by": By.HOOK.value} if is_hook else {"script": script}),
        "margin_s": settings.margin.total_seconds(),
        "timeout_s": settings.timeout.total_seconds(),
    }
    return Act((Step(Verb.CHECKPOINT, signal.target, run), *_saves(facts, settings, now)))


def _is_allowed(path: str, folder: str) -> bool:
    return bool(_FILE.fullmatch(path)) and path.startswith(f"{folder}/")


def _saves(facts: StandaloneFacts, settings: Settings, now: datetime) -> tuple[Step, ...]:
    if not settings.snapshot:
        return ()
    expires = write_moment(now + settings.keep)
    return tuple(
        Step(Verb.SNAPSHOT, disk.id, {"location": disk.location, "expires": expires})
        for disk in facts.disks
    )


def recheck(
    plan: Plan, facts: StandaloneFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when the machine has gone off: nothing can be run there any more."""
    is_down = facts.power in {"deallocated", "deallocating", "stopped"}
    return Reason.NOT_RUNNING if is_down else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers"
    "/Microsoft.Compute"
)
_VM = f"{_GROUP}/virtualMachines/trainer-1"
_OS = ManagedDisk(f"{_GROUP}/disks/trainer-1-os", "westeurope", "os")
_NOTICE = Signal(
    type=SignalType.VM_PREEMPT,
    event_id="e-1",
    source="scheduled_events",
    target=_VM,
    observed_at=_NOW,
    phase=Phase.SCHEDULED,
    deadline=_NOW + timedelta(seconds=30),
)
_FILE_THERE = "/etc/nightshift/checkpoint.sh"
_RESOURCE = Resource(_VM, VM, "trainer-1", tags={TAG: _FILE_THERE})
_FACTS = StandaloneFacts(_RESOURCE, "running", (_OS,))
_RUN = {"script": _FILE_THERE, "margin_s": 3.0, "timeout_s": 600.0}
_SAVE = {"location": "westeurope", "expires": write_moment(_NOW + timedelta(days=14))}

REMEDIATION = Remediation(
    name="checkpoint_vm",
    summary="Run the checkpoint command that the owner of a standalone VM declared.",
    answers=INVOLUNTARY | {SignalType.RUNBOOK},
    facts=FactsKind.STANDALONE,
    settings=Settings,
    verbs=frozenset({Verb.CHECKPOINT, Verb.SNAPSHOT}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "the tag names a file: it is run within the thirty seconds",
            _NOTICE,
            _FACTS,
            _NOW,
            Act((Step(Verb.CHECKPOINT, _VM, _RUN),)),
        ),
        Example(
            "with a snapshot of each disk after it",
            _NOTICE,
            _FACTS,
            _NOW,
            Act((Step(Verb.CHECKPOINT, _VM, _RUN), Step(Verb.SNAPSHOT, _OS.id, _SAVE))),
            Settings(snapshot=True),
        ),
        Example(
            "the forwarder's hook runs it: its end is waited for",
            _NOTICE,
            replace(_FACTS, resource=replace(_RESOURCE, tags={})),
            _NOW,
            Act(
                (
                    Step(
                        Verb.CHECKPOINT,
                        _VM,
                        {"by": "hook", "margin_s": 3.0, "timeout_s": 600.0},
                    ),
                )
            ),
            Settings(by=By.HOOK),
        ),
        Example(
            "nobody declared a command: there is nothing to run",
            _NOTICE,
            replace(_FACTS, resource=replace(_RESOURCE, tags={})),
            _NOW,
            Skip(Reason.NOTHING_DECLARED, f"no tag {TAG}, and no script in the rule"),
        ),
        Example(
            "a tag that names another place: whoever may tag may not run anything",
            _NOTICE,
            replace(_FACTS, resource=replace(_RESOURCE, tags={TAG: "/bin/sh"})),
            _NOW,
            Skip(
                Reason.BAD_DECLARATION,
                f"the tag {TAG} must name a file directly or deeper in /etc/nightshift",
            ),
        ),
        Example(
            "a machine of a scale set: its pool has ways of its own",
            _NOTICE,
            replace(_FACTS, resource=replace(_RESOURCE, pool="/subscriptions/s/pool")),
            _NOW,
            Skip(Reason.NOT_STANDALONE, "it belongs to /subscriptions/s/pool"),
        ),
    ),
)
