"""A runbook: a plan that a person starts over HTTP, by the name of a remediation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.core.errors import GiveUp, InvalidSetting, InvalidTarget
from shared.core.facts import FactsKind
from shared.core.leftovers import NIC, PUBLIC_IP
from shared.core.patches import ARC_MACHINE
from shared.core.remediation import Remediation
from shared.core.resource_ids import (
    AKS_CLUSTER,
    ARC_CLUSTER,
    BATCH_ACCOUNT,
    BATCH_JOB,
    BATCH_POOL,
    DISK,
    EXTENSION,
    ML_COMPUTE,
    ML_DEPLOYMENT,
    ML_ENDPOINT,
    ML_JOB,
    RESTORE_COLLECTION,
    SCALE_SET,
    SCALE_SET_VM,
    SNAPSHOT,
    VM,
)
from shared.core.signals import Signal, SignalType
from shared.engine.answer import answer
from shared.engine.night import Night
from shared.engine.pausing import Person
from shared.engine.request import Answer, Request
from shared.engine.runbook_rules import runbook_rule

WORKS_ON: Mapping[FactsKind, tuple[str, ...]] = {
    FactsKind.NODE: (SCALE_SET_VM, VM),
    FactsKind.MACHINE: (VM, ML_COMPUTE),
    FactsKind.DISKS: (VM,),
    FactsKind.FAILED_TASKS: (BATCH_ACCOUNT, BATCH_JOB),
    FactsKind.SLURM_NODE: (SCALE_SET_VM, VM),
    FactsKind.RESOURCE: (),  # anything
    FactsKind.BATCH_NODE: (SCALE_SET_VM, VM),
    FactsKind.BATCH_NODES: (BATCH_ACCOUNT,),
    FactsKind.BATCH_JOB: (BATCH_JOB,),
    FactsKind.BATCH_POOL: (BATCH_POOL,),
    FactsKind.STANDALONE: (VM, SCALE_SET_VM),
    FactsKind.POOL_INSTANCE: (SCALE_SET_VM, VM),
    FactsKind.SPOT: (VM, SCALE_SET_VM),
    FactsKind.SPOT_POOL: (SCALE_SET_VM,),
    FactsKind.PATCHES: (VM, ARC_MACHINE),
    FactsKind.LEFTOVER: (DISK, NIC, PUBLIC_IP, SCALE_SET, SNAPSHOT),
    FactsKind.ML_JOB: (ML_JOB,),
    FactsKind.ML_INSTANCE: (ML_COMPUTE,),
    FactsKind.ML_CLUSTER: (ML_COMPUTE,),
    FactsKind.ENDPOINT: (ML_ENDPOINT, ML_DEPLOYMENT),
    FactsKind.VM_HEALTH: (VM,),
    FactsKind.ML_EXTENSION: (EXTENSION, AKS_CLUSTER, ARC_CLUSTER),
    FactsKind.SNAPSHOTS: (DISK,),
    FactsKind.SNAPSHOT_COPIES: (SNAPSHOT,),
    FactsKind.RESTORE_POINTS: (VM, RESTORE_COLLECTION),
}


class UnknownRemediation(GiveUp):
    """No remediation has that name; the message names those that exist."""


async def start(
    night: Night,
    remediation: str,
    *,
    target: str,
    given: Mapping[str, Any],
    is_dry_run: bool,
    request_id: str,
    reason: str = "",
    requester: Person | None = None,
) -> Answer:
    """Answer a person's request as one event of its own.

    Args:
        request_id: The caller's idempotency key, or the invocation's id: the same id
            is the same request, whatever is sent again with it.
        requester: Who asks, so that somebody else can be asked to agree.

    Raises:
        UnknownRemediation: With the names of those that exist.
        InvalidSetting: ``with`` has an unknown key or a value that does not fit.
    """
    known = night.remediations.get(remediation)
    if known is None:
        names = ", ".join(night.remediations)
        raise UnknownRemediation(f"no remediation is called {remediation!r}; known: {names}")
    rule = runbook_rule(known, given, night.settings)
    signal = runbook_signal(
        remediation,
        target=target,
        is_dry_run=is_dry_run,
        request_id=request_id,
        reason=reason,
        now=night.ports.clock.now(),
        given=given,
        requester=requester,
    )
    said = await answer(night, signal, Request(is_dry_run=is_dry_run, rules=(rule,)))
    if said.stored is not None and said.stored.plan.rule_hash != rule.hash:
        raise InvalidSetting(
            f"the idempotency key {request_id!r} was used with other settings: "
            f"its plan is {said.stored.plan.id}; take another key for another request"
        )
    return said


def runbook_signal(
    remediation: str,
    *,
    target: str,
    is_dry_run: bool,
    request_id: str,
    reason: str,
    now: datetime,
    given: Mapping[str, Any] | None = None,
    requester: Person | None = None,
) -> Signal:
    """Write a request as the event that it is; without settings, those of the defaults."""
    attributes = {
        "remediation": remediation,
        "reason": reason,
        "dry_run": is_dry_run,
        "with": dict(given or {}),
    }
    if requester is not None:
        attributes |= {
            "requested_by": requester.name,
            "requester_verified": requester.is_verified,
            "requester_subject": requester.subject,
        }
    return Signal(
        type=SignalType.RUNBOOK,
        event_id=request_id,
        source="runbook",
        target=target,
        observed_at=now,
        attributes=attributes,
    )


def check_target(remediation: Remediation, target_type: str, target: str) -> None:
    """Refuse a target of a type that the remediation does not work on.

    Raises:
        InvalidTarget: With the types it works on.
    """
    wanted = WORKS_ON[remediation.facts]
    if wanted and target_type not in wanted:
        raise InvalidTarget(
            f"{remediation.name} does not work on {target or 'nothing'}; "
            f"it works on {', '.join(wanted)}"
        )
