"""Metrics of Azure ML computes: their workspace carries them, by the name of the compute.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-metrics
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.adapters.busyness import points_of
from shared.adapters.metric_batches import Batch, Metric, carrier_of, series_of
from shared.core.resource_ids import ML_COMPUTE, ResourceId
from shared.core.surveys import Measure

AT_ONCE = 50
_DIMENSION = "computename"
_NAME = re.compile(r"[A-Za-z0-9-]+")


def computes_in(places: Mapping[str, str]) -> dict[str, str]:
    """Pick the computes whose name a filter can hold: location by ARM id."""
    found = {}
    for one, location in places.items():
        rid = ResourceId.parse(one)
        if rid.type == ML_COMPUTE and _NAME.fullmatch(rid.name):
            found[one] = location.replace(" ", "").casefold()
    return found


def batches_of(
    computes: Mapping[str, str], measure: Measure, now: datetime
) -> Iterable[Batch]:
    """Ask each workspace once for up to fifty of its computes."""
    groups: dict[tuple[str, str], list[ResourceId]] = {}
    for one, region in computes.items():
        rid = ResourceId.parse(one)
        groups.setdefault((rid.parent, region), []).append(rid)
    for (workspace, region), several in groups.items():
        for at in range(0, len(several), AT_ONCE):
            names = sorted({rid.name for rid in several[at : at + AT_ONCE]})
            text = " or ".join(f"ComputeName eq '{name}'" for name in names)
            yield Batch(
                region=region,
                resource_ids=[workspace],
                namespace=measure.namespace,
                metrics=(measure.metric,),
                start=now - measure.window,
                end=now,
                grain=measure.grain,
                aggregations=(measure.aggregation,),
                more={"filter": text, "top": str(max(len(names), 10))},
            )


def points_in(
    answer: Iterable[Metric], computes: Mapping[str, str], measure: Measure
) -> Mapping[str, Mapping[datetime, float]]:
    """Sort the answered points by compute; of several series of one, the least counts."""
    known = {one.casefold() for one in computes}
    found: dict[str, dict[datetime, float]] = {}
    for metric in answer:
        for dimensions, data in series_of(metric):
            name = dimensions.get(_DIMENSION, "").casefold()
            key = f"{carrier_of(metric)}/computes/{name}"
            if key in known:
                held = found.setdefault(key, {})
                for at, value in points_of(data, measure.aggregation).items():
                    held[at] = min(held.get(at, value), value)
    return {key: points for key, points in found.items() if points}
