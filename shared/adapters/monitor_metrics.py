"""How busy machines were, by azure-monitor-querymetrics, up to 50 resources a call.

VMs: ``Percentage CPU``, ``Network In Total`` and ``Network Out Total`` of the platform;
GPU only from the guest metric a rule names, as the platform has none.

Azure ML compute instances have no metrics of their own: their workspace has, with the
dimension ``ComputeName``: ``CpuUtilizationPercentage``, ``GpuUtilizationPercentage``,
``NetworkInputMegabytes``, ``NetworkOutputMegabytes``. Documented are these names and
dimensions (``RunId, InstanceId, ComputeName``, for GPU and network ``DeviceId`` too), the
unit "Count" and a minute's grain. Not documented is whether an instance in use without a
run reports them, nor whether a megabyte is 10^6 or 2^20 bytes: the first shows as no data,
which is never idle; for the second the larger is taken, which is the busier.

A query that fails leaves its own machines unread and no others.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-compute-virtualmachines-metrics
Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-metrics
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.adapters.busyness import GRAIN, Asked, Points, Series, points_of, utilisation
from shared.adapters.metric_batches import (
    MOST_RESOURCES,
    Batch,
    Metric,
    MetricBatches,
    carrier_of,
    name_of,
    series_of,
)
from shared.adapters.ml_points import batches_of, computes_in, points_in
from shared.core.errors import AutomationError
from shared.core.facts import MachineFacts, Utilisation
from shared.core.resource_ids import ML_COMPUTE, WORKSPACE, ResourceId
from shared.core.settings import Settings
from shared.core.surveys import Measure

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

VM_CPU, VM_IN, VM_OUT = "Percentage CPU", "Network In Total", "Network Out Total"
ML_CPU, ML_GPU = "CpuUtilizationPercentage", "GpuUtilizationPercentage"
ML_IN, ML_OUT = "NetworkInputMegabytes", "NetworkOutputMegabytes"
ML_NAMESPACE = "Microsoft.MachineLearningServices/workspaces"
MEGABYTE = 2.0**20
_TOTALS = frozenset({VM_IN, VM_OUT, ML_IN, ML_OUT})
_COMPUTE_NAME = "computename"
_REGION = re.compile(r"[a-z0-9-]+")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_log = logging.getLogger("nightshift.metrics")


@dataclass(frozen=True, slots=True)
class _Query:
    """One call: some machines, the resources that carry their metrics, and which."""

    region: str
    namespace: str
    metrics: tuple[str, ...]
    machines: tuple[MachineFacts, ...]

    @property
    def is_ml(self) -> bool:
        return self.namespace == ML_NAMESPACE

    @property
    def carriers(self) -> list[str]:
        """The resources to ask: the machines, or the workspaces of compute instances."""
        ids = [m.resource.pool if self.is_ml else m.resource.id for m in self.machines]
        return list({one.casefold(): one for one in ids}.values())

    @property
    def filter(self) -> dict[str, str]:
        """Name the compute instances; without ``top`` only ten would be answered."""
        if not self.is_ml:
            return {}
        names = sorted({m.resource.name for m in self.machines})
        text = " or ".join(f"ComputeName eq '{name}'" for name in names)
        return {"filter": text, "top": str(max(len(names), 10))}


class AzureMetrics:
    """``Metrics`` over the metrics batch API."""

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        self._batches = MetricBatches(credential, settings)

    async def utilisation(
        self, machines: Sequence[MachineFacts], *, window: timedelta, gpu_metric: str
    ) -> Mapping[str, Utilisation | None]:
        """Return utilisation by folded id; None where it could not be read."""
        asked = Asked.of(window, datetime.now(UTC))
        queries = plan_queries(machines, gpu_metric)
        answers = await asyncio.gather(*(self._ask(query, asked) for query in queries))
        read: dict[str, dict[str, tuple[Points, ...]]] = {}
        for answer in answers:
            for key, by_metric in answer.items():
                read.setdefault(key, {}).update(by_metric)
        return {
            (key := machine.resource.id.casefold()): (
                _summed(machine, Series(read[key]), asked, gpu_metric)
                if read.get(key)
                else None
            )
            for machine in machines
        }

    async def points(
        self, places: Mapping[str, str], measure: Measure
    ) -> Mapping[str, Sequence[float]]:
        """Return the points that have a value, by folded id; nothing where unreadable."""
        now = datetime.now(UTC)
        computes = computes_in(places)
        groups: dict[tuple[str, str], list[str]] = {}
        for resource_id, location in places.items():
            if resource_id in computes:
                continue
            region = _region(location)
            if region:
                owner = ResourceId.parse(resource_id).subscription.casefold()
                groups.setdefault((owner, region), []).append(resource_id)
        batches = [
            Batch(
                region=region,
                resource_ids=several[at : at + MOST_RESOURCES],
                namespace=measure.namespace,
                metrics=(measure.metric,),
                start=now - measure.window,
                end=now,
                grain=measure.grain,
                aggregations=(measure.aggregation,),
                more={"filter": measure.filter} if measure.filter else {},
            )
            for (_, region), several in groups.items()
            for at in range(0, len(several), MOST_RESOURCES)
        ]
        found: dict[str, dict[datetime, float]] = {}
        for answer in await asyncio.gather(*(self._read(batch) for batch in batches)):
            for metric in answer:
                for _, data in series_of(metric):
                    points = points_of(data, measure.aggregation)
                    if points:
                        _add(found.setdefault(carrier_of(metric), {}), points, measure)
        for batch in batches_of(computes, measure, now):
            for key, known in points_in(await self._read(batch), computes, measure).items():
                found.setdefault(key, {}).update(known)
        return {
            key: tuple(merged[at] for at in sorted(merged)) for key, merged in found.items()
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._batches.close()

    async def _ask(
        self, query: _Query, asked: Asked
    ) -> Mapping[str, Mapping[str, tuple[Points, ...]]]:
        """Ask once; what failed lets the machines concerned be unread."""
        batch = Batch(
            region=query.region,
            resource_ids=query.carriers,
            namespace=query.namespace,
            metrics=query.metrics,
            start=asked.start,
            end=asked.now,
            grain=GRAIN,
            aggregations=("average", "maximum", "total"),
            more=query.filter,
        )
        return _by_machine(query, await self._read(batch))

    async def _read(self, batch: Batch) -> list[Metric]:
        try:
            return await self._batches.ask(batch)
        except AutomationError as exc:
            _log.warning("%s", exc)
            return []


def _add(
    held: dict[datetime, float], points: Mapping[datetime, float], measure: Measure
) -> None:
    """Put another series of one resource beside what is held of it."""
    gather = sum if measure.aggregation in {"total", "count"} else max
    for at, value in points.items():
        held[at] = gather((held[at], value)) if at in held else value


def _region(location: str) -> str:
    """Spell a location as endpoints do; empty if it is none."""
    region = location.replace(" ", "").casefold()
    return region if _REGION.fullmatch(region) else ""


def plan_queries(machines: Sequence[MachineFacts], gpu_metric: str) -> list[_Query]:
    """Sort machines into calls of one subscription, region, type and set of metrics."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[MachineFacts]] = {}
    for machine in machines:
        rid = ResourceId.parse(machine.resource.id)
        region = _region(machine.resource.location)
        if not region or not _is_askable(machine):
            continue
        for namespace, metrics in _wanted(machine, gpu_metric):
            key = (rid.subscription.casefold(), region, namespace, metrics)
            groups.setdefault(key, []).append(machine)
    return [
        _Query(region, namespace, metrics, tuple(several[at : at + MOST_RESOURCES]))
        for (_, region, namespace, metrics), several in groups.items()
        for at in range(0, len(several), MOST_RESOURCES)
    ]


def _is_askable(machine: MachineFacts) -> bool:
    """A compute instance needs a workspace, and a name that a filter can hold."""
    if machine.resource.type != ML_COMPUTE:
        return True
    try:
        is_pooled = ResourceId.parse(machine.resource.pool).type == WORKSPACE
    except ValueError:
        return False
    return is_pooled and bool(_NAME.fullmatch(machine.resource.name))


def _wanted(machine: MachineFacts, gpu_metric: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Name what to ask of a machine: namespace and metrics, one pair a call."""
    if machine.resource.type == ML_COMPUTE:
        gpu = (ML_GPU,) if machine.has_gpu is not False else ()
        yield ML_NAMESPACE, (ML_CPU, ML_IN, ML_OUT, *gpu)
        return
    yield machine.resource.type, (VM_CPU, VM_IN, VM_OUT)
    namespace, _, name = gpu_metric.rpartition("/")
    if namespace and name and machine.has_gpu is not False:
        yield namespace, (name,)


def _by_machine(
    query: _Query, answer: Iterable[Metric]
) -> Mapping[str, Mapping[str, tuple[Points, ...]]]:
    """Sort the answered series by machine and metric; a metric in error is left out."""
    of_compute = {
        (m.resource.pool.casefold(), m.resource.name.casefold()): m.resource.id.casefold()
        for m in query.machines
        if query.is_ml
    }
    found: dict[str, dict[str, tuple[Points, ...]]] = {}
    for metric in answer:
        carrier, name = carrier_of(metric), name_of(metric)
        for dimensions, data in series_of(metric):
            key: str | None = carrier
            if query.is_ml:
                compute = dimensions.get(_COMPUTE_NAME, "").casefold()
                key = of_compute.get((carrier, compute))
            points = points_of(data, *_aggregations(name))
            if key and points:
                held = found.setdefault(key, {})
                held[name.casefold()] = (*held.get(name.casefold(), ()), points)
    return found


def _aggregations(metric: str) -> tuple[str, ...]:
    """Choose how a metric's points count.

    A processor by its average, traffic by its total. A GPU metric stands for several
    devices, whose average hides the one that works: the highest of any counts.
    """
    if metric in _TOTALS:
        return ("total",)
    if metric in {VM_CPU, ML_CPU}:
        return ("average",)
    return ("average", "maximum")


def _summed(
    machine: MachineFacts, series: Series, asked: Asked, gpu_metric: str
) -> Utilisation:
    if machine.resource.type == ML_COMPUTE:
        return utilisation(
            asked,
            cpu=series.highest(ML_CPU),
            gpu=series.highest(ML_GPU),
            network_in=series.sum(ML_IN),
            network_out=series.sum(ML_OUT),
            bytes_per_unit=MEGABYTE,
        )
    gpu_name = gpu_metric.rpartition("/")[2]
    return utilisation(
        asked,
        cpu=series.highest(VM_CPU),
        gpu=series.highest(gpu_name) if gpu_name else {},
        network_in=series.sum(VM_IN),
        network_out=series.sum(VM_OUT),
    )
