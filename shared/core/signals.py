"""What an event says, in our words.

A signal is one event about one target. A notice that names several machines
becomes several signals of one ``event_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class SignalType(StrEnum):
    """Every signal that a rule can answer. Released values only grow."""

    VM_PREEMPT = "vm.preempt"
    VM_TERMINATE = "vm.terminate"
    VM_REDEPLOY = "vm.redeploy"
    VM_REBOOT = "vm.reboot"
    VM_FREEZE = "vm.freeze"
    VM_ADVISORY = "vm.advisory"
    VM_PREEMPTED = "vm.preempted"
    VM_DEGRADED = "vm.degraded"
    VM_HEALTH_ANNOTATED = "vm.health_annotated"
    VM_AVAILABILITY_CHANGED = "vm.availability_changed"
    COMPUTE_IDLE = "compute.idle"
    COMPUTE_SCHEDULE = "compute.schedule"
    BATCH_TASKS_FAILED = "batch.tasks_failed"
    BATCH_NODES_UNUSABLE = "batch.nodes_unusable"
    BATCH_FOUND = "batch.found"
    ALERT_METRIC = "alert.metric"
    ALERT_LOG = "alert.log"
    ALERT_ACTIVITY_LOG = "alert.activity_log"
    ALERT_SERVICE_HEALTH = "alert.service_health"
    ALERT_RESOURCE_HEALTH = "alert.resource_health"
    ALERT_PROMETHEUS = "alert.prometheus"
    ALERT_COST = "alert.cost"
    ALERT_SMART_DETECTOR = "alert.smart_detector"
    RESOURCE_CHANGED = "resource.changed"
    AML_RUN_CHANGED = "aml.run_changed"
    AML_RUN_INTERRUPTED = "aml.run_interrupted"
    AML_INSTANCE_FOUND = "aml.instance_found"
    AML_CLUSTER_FOUND = "aml.cluster_found"
    AML_MODEL_CHANGED = "aml.model_changed"
    AML_DATA_DRIFT = "aml.data_drift"
    ENDPOINT_DEGRADED = "endpoint.degraded"
    AKS_EVENT = "aks.event"
    EXTENSION_DEGRADED = "extension.degraded"
    MAINTENANCE_CONFIGURATION = "maintenance.configuration"
    RESOURCE_LEFT_OVER = "resource.left_over"
    RESOURCE_EXPIRED = "resource.expired"
    VM_RESTORE_POINTS_FOUND = "vm.restore_points_found"
    DISK_SNAPSHOT_NOT_COPIED = "disk.snapshot_not_copied"
    DISK_SNAPSHOT_DUE = "disk.snapshot_due"
    POSTURE_FOUND = "posture.found"
    RUNBOOK = "runbook.requested"


class Phase(StrEnum):
    """Where the incident stands. ``CANCELED`` and ``RESOLVED`` withdraw it."""

    SCHEDULED = "scheduled"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FIRED = "fired"
    RESOLVED = "resolved"
    FAILED = "failed"

    @property
    def withdraws(self) -> bool:
        """Tell whether this phase takes the incident back."""
        return self in {Phase.CANCELED, Phase.RESOLVED}

    @property
    def ends(self) -> bool:
        """Tell whether nothing more is to be begun: withdrawn, or over."""
        return self.withdraws or self is Phase.COMPLETED

    @property
    def opens(self) -> bool:
        """Tell whether this phase can be the reason to act."""
        return self in {Phase.SCHEDULED, Phase.STARTED, Phase.FIRED}


INVOLUNTARY = frozenset(
    {
        SignalType.VM_PREEMPT,
        SignalType.VM_TERMINATE,
        SignalType.VM_REDEPLOY,
        SignalType.VM_REBOOT,
        SignalType.VM_FREEZE,
    }
)


@dataclass(frozen=True, slots=True)
class Signal:
    """One event about one target, parsed and named.

    Attributes:
        event_id: Identity of the *incident* in the source's own words: equal ids mean
            the same incident, in whatever phase. A notice's EventId, an alert's id.
        source: Which schema it came from: ``scheduled_events``, ``health_resources``,
            ``common_alert``, ``resource_events``, ``machine_learning``, ``aks``,
            ``maintenance_configuration``, ``tick``, ``survey``, ``runbook``.
        target: Full ARM id of what it is about; for an instance of a Uniform scale set
            ``.../virtualMachineScaleSets/{name}/virtualMachines/{decimal}``. Empty if the
            source names none.
        observed_at: When the source saw it, timezone-aware UTC.
        deadline: When acting stops being useful (``NotBefore``), or None for no hurry.
        attributes: What else the source said, JSON values only, for conditions.
        is_test: A Test button or a smoke test sent it; never acted on.
        is_recurring: It will be seen again by itself (a tick), so a Hold needs no
            reminder.
    """

    type: SignalType
    event_id: str
    source: str
    target: str
    observed_at: datetime
    phase: Phase = Phase.FIRED
    deadline: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_test: bool = False
    is_recurring: bool = False

    @property
    def is_involuntary(self) -> bool:
        """Tell whether the platform does it whatever we decide.

        A property of the signal and not of the rule: such plans are driven by the
        deadline and are never held by cooldown, blast radius, storm or approval.
        """
        return self.type in INVOLUNTARY


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A well-formed event that Nightshift has no word for: recorded, never acted on.

    Attributes:
        event_id: The source's identity of the message.
        why: What was not known about it, for the event's record.
    """

    event_id: str
    source: str
    why: str
