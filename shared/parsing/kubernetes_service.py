"""AKS as an Event Grid source: versions, support, node pool rollouts.

The target is the cluster, the event's source.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-aks
"""

from __future__ import annotations

from shared.core.envelopes import Envelope
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import bounded
from shared.core.json_reading import read_arm_id
from shared.core.signals import Phase, Signal, SignalType

SOURCE = "aks"
_PREFIX = "Microsoft.ContainerService."
_EVENTS = {
    "NewKubernetesVersionAvailable": ("new_kubernetes_version", Phase.FIRED),
    "ClusterSupportEnded": ("cluster_support_ended", Phase.FIRED),
    "ClusterSupportEnding": ("cluster_support_ending", Phase.FIRED),
    "NodePoolRollingStarted": ("node_pool_rolling", Phase.STARTED),
    "NodePoolRollingSucceeded": ("node_pool_rolling", Phase.COMPLETED),
    "NodePoolRollingFailed": ("node_pool_rolling", Phase.FAILED),
}
EVENT_TYPES = tuple(_PREFIX + name for name in _EVENTS)
_FOLDED = {(_PREFIX + name).casefold(): value for name, value in _EVENTS.items()}


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read one event of a cluster."""
    data = envelope.data
    event, phase = _FOLDED[envelope.type.casefold()]
    attributes = {
        "event": event,
        "node_pool": data.loose_text("nodePoolName"),
        "kubernetes_version": data.loose_text("kubernetesVersion"),
        "latest_supported": data.loose_text("latestSupportedKubernetesVersion"),
        "latest_stable": data.loose_text("latestStableKubernetesVersion"),
        "lowest_minor": data.loose_text("lowestMinorKubernetesVersion"),
        "latest_preview": data.loose_text("latestPreviewKubernetesVersion"),
    }
    try:
        cluster = read_arm_id(envelope.source).text
    except ValueError:
        raise MalformedEvent("$.source: should be the cluster's ARM id, is not") from None
    signal = Signal(
        type=SignalType.AKS_EVENT,
        event_id=envelope.id,
        source=SOURCE,
        target=cluster,
        observed_at=envelope.time,
        phase=phase,
        attributes=bounded(attributes),
    )
    return (signal,)
