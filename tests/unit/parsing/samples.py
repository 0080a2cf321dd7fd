"""Where the recorded events are, and how they are read."""

import json
from pathlib import Path
from typing import Any

from shared.core.signals import Signal
from shared.parsing import parse_alert, parse_events

EVENTS = Path(__file__).parents[2] / "events"
GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/rg-train"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/vm-train-01"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-train"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ml-train"
SCALE_SET = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/"
    "MC_rg-train_aks-train_westeurope/providers/Microsoft.Compute/virtualMachineScaleSets/"
    "aks-gpuspot-31415926-vmss"
)


def load(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def events(name: str) -> tuple[Any, ...]:
    return parse_events((EVENTS / f"{name}.json").read_bytes())


def event(name: str) -> Signal:
    (found,) = events(name)
    assert isinstance(found, Signal)
    return found


def alert(case: str) -> Signal:
    (found,) = parse_alert((EVENTS / f"common_alert__{case}.json").read_bytes())
    assert isinstance(found, Signal)
    return found
