"""An AKS cluster with the Azure ML extension on it, well or sick, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.ml_extension import ClusterKind, expected
from shared.core.signals import Signal, SignalType
from shared.core.workloads import Workload
from tests.builders import GROUP, NOW
from tests.shift import Shift

CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/train"
ARC = f"{GROUP}/providers/Microsoft.Kubernetes/connectedClusters/plant"
UNDER = "providers/Microsoft.KubernetesConfiguration/extensions"
EXTENSION, ON_ARC = f"{CLUSTER}/{UNDER}/azureml", f"{ARC}/{UNDER}/azureml"
TRAINING = {"enableTraining": "True"}
STUCK = "gateway-0: ImagePullBackOff: Back-off pulling image"


def a_cluster(nodes: int = 3, power: str = "Running", **tags: str) -> dict[str, Any]:
    """Make an AKS cluster as the resource manager writes it."""
    said = {"powerState": {"code": power}, "agentPoolProfiles": [{"count": nodes}]}
    return {"id": CLUSTER, "location": "westeurope", "tags": tags, "properties": said}


def an_arc_cluster(status: str = "Connected") -> dict[str, Any]:
    """Make an Arc cluster as the resource manager writes it."""
    said = {"connectivityStatus": status, "totalNodeCount": 3}
    return {"id": ARC, "location": "westeurope", "properties": said}


def components(**settings: str) -> tuple[Workload, ...]:
    """Make every component that the settings ask for, all of them ready."""
    parts = expected(settings or TRAINING, ClusterKind.MANAGED, "azureml")
    return tuple(Workload(part.kind, part.name, 1, 1) for part in parts)


def with_cluster(shift: Shift, **fields: Any) -> None:
    """Put a cluster without the extension into the world."""
    shift.world.extensions.add_cluster(a_cluster(**fields))


def with_extension(shift: Shift, state: str = "Succeeded", **settings: str) -> None:
    """Put a cluster with the extension into the world; all its components are ready."""
    with_cluster(shift)
    shift.world.extensions.add(EXTENSION, state, settings or TRAINING)
    shift.world.cluster.running[CLUSTER.casefold()] = components(**settings)


def with_sick_extension(shift: Shift) -> None:
    """Put one into the world whose gateway does not start."""
    with_extension(shift)
    parts = shift.world.cluster.running[CLUSTER.casefold()]
    shift.world.cluster.running[CLUSTER.casefold()] = tuple(
        replace(one, ready=0, because=(STUCK,)) if one.name == "gateway" else one
        for one in parts
    )


def a_degraded(target: str = EXTENSION, name: str = "extension_to_look_into") -> Signal:
    """Make the finding of a survey's turn."""
    return Signal(
        type=SignalType.EXTENSION_DEGRADED,
        event_id=f"survey-ml_extensions-{NOW:%Y%m%dT%H%M}-{name}",
        source="survey",
        target=target,
        observed_at=NOW,
        attributes={"finding": name},
        is_recurring=True,
    )
