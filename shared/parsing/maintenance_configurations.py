"""Maintenance configurations: a window of the user's own is about to open, or closed.

Both events of one window carry the same id, so the incident is named by type and id.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-maintenance-configuration
"""

from __future__ import annotations

from shared.core.envelopes import Envelope
from shared.core.json_bounds import bounded
from shared.core.moments import write_moment
from shared.core.signals import Phase, Signal, SignalType

SOURCE = "maintenance_configuration"
PRE = "Microsoft.Maintenance.PreMaintenanceEvent"
POST = "Microsoft.Maintenance.PostMaintenanceEvent"
EVENT_TYPES = (PRE, POST)
MAX_SUBSCRIPTIONS = 1000


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read one event; before the window it can still be canceled until the cut-off."""
    data = envelope.data
    is_before = envelope.type.casefold() == PRE.casefold()
    start, end = data.optional_moment("startDateTime"), data.optional_moment("endDateTime")
    cut_off = data.optional_moment("cancellationCutOffDateTime")
    subscriptions = data.texts("resourceSubscriptionIds", at_most=MAX_SUBSCRIPTIONS)
    attributes = {
        "event": "pre" if is_before else "post",
        "status": data.loose_text("status"),
        "start": write_moment(start) if start else None,
        "end": write_moment(end) if end else None,
        "cancellation_cut_off": write_moment(cut_off) if cut_off else None,
        "correlation_id": data.loose_text("correlationId"),
        "subscriptions": list(subscriptions),
    }
    signal = Signal(
        type=SignalType.MAINTENANCE_CONFIGURATION,
        event_id=f"{PRE if is_before else POST}:{envelope.id}",
        source=SOURCE,
        target=data.arm_id("maintenanceConfigurationId").text,
        observed_at=envelope.time,
        phase=Phase.SCHEDULED if is_before else Phase.COMPLETED,
        deadline=start if is_before else None,
        attributes=bounded(attributes),
    )
    return (signal,)
