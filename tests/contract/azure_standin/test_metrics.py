"""The metrics batch API, through the real MetricsClient."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.monitor.querymetrics import MetricAggregationType
from azure.monitor.querymetrics.aio import MetricsClient

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import SUBSCRIPTION, disk, vm, vm_id, world

NAMESPACE = "Microsoft.Compute/virtualMachines"
CPU = "Percentage CPU"


@pytest.fixture
async def metrics(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[MetricsClient]:
    endpoint = f"{azure_standin.url}/metrics"
    async with MetricsClient(endpoint, credential, retry_total=0, **transport) as client:
        yield client


def series(name: str, metric: str = CPU, **content: Any) -> dict[str, Any]:
    return {"resourceId": vm_id(name), "namespace": NAMESPACE, "name": metric, **content}


async def ask(metrics: MetricsClient, *names: str, **rest: Any) -> Any:
    """Ask for the last hour in steps of five minutes, unless told otherwise."""
    wanted = {
        "resource_ids": [vm_id(name) for name in names],
        "metric_namespace": NAMESPACE,
        "metric_names": [CPU],
        "timespan": timedelta(hours=1),
        "granularity": timedelta(minutes=5),
        "aggregations": [MetricAggregationType.AVERAGE, MetricAggregationType.MAXIMUM],
    }
    return await metrics.query_resources(**{**wanted, **rest})


def values(result: Any, key: str = "average") -> list[float | None]:
    return [getattr(one, key) for one in result.metrics[0].timeseries[0].data]


async def test_values_of_several_resources_come_in_one_call(
    azure_standin: Standin, metrics: MetricsClient
) -> None:
    """An idle sweep asks once for fifty machines."""
    spike = series("busy", points=[[12, 10.0], [11, 90.0]])
    azure_standin.put_world(
        world(vm("idle"), vm("busy"), metrics=[series("idle", constant=1.5), spike])
    )
    idle, busy = await ask(metrics, "idle", "busy")
    assert {1.5} == set(values(idle))
    assert 12 <= len(values(idle)) <= 13
    assert 90.0 == max(one or 0 for one in values(busy, "maximum"))
    (call,) = azure_standin.calls(containing="getBatch")
    assert [vm_id("idle"), vm_id("busy")] == call["body"]["resourceids"]


async def test_totals_are_sums_and_granularity_is_honoured(
    azure_standin: Standin, metrics: MetricsClient
) -> None:
    """Network is judged by its total; an average of bytes would mean nothing."""
    network = series("a", "Network In Total", constant=10)
    azure_standin.put_world(world(vm("a"), metrics=[network]))
    (found,) = await ask(
        metrics,
        "a",
        metric_names=["Network In Total"],
        granularity=timedelta(minutes=30),
        aggregations=[MetricAggregationType.TOTAL],
    )
    assert 300.0 == values(found, "total")[0]
    assert values(found)[0] is None


async def test_missing_empty_and_failed_series_look_as_they_do_in_azure(
    azure_standin: Standin, metrics: MetricsClient
) -> None:
    """None of the three says idle: no series, points without values, an error."""
    held = [
        series("missing", series="missing"),
        series("empty", series="empty"),
        series("failed", series="error"),
        series("nulls", points=[[10, None]]),
    ]
    names = ["unheard", "missing", "empty", "failed", "nulls"]
    azure_standin.put_world(world(*(vm(name) for name in names), metrics=held))
    unheard, missing, empty, failed, nulls = await ask(metrics, *names)
    assert [] == unheard.metrics[0].timeseries == missing.metrics[0].timeseries
    assert {None} == set(values(empty)) == set(values(nulls))
    raw = azure_standin.request(
        "POST",
        f"/metrics/subscriptions/{SUBSCRIPTION}/metrics:getBatch?api-version=2024-02-01"
        f"&metricnamespace={NAMESPACE}&metricnames=Percentage%20CPU",
        {"resourceids": [vm_id("failed")]},
        {
            "Authorization": f"Bearer {azure_standin.token('https://metrics.monitor.azure.com')}"
        },
    )[1]
    assert [] == failed.metrics[0].timeseries
    assert "InternalServerError" == raw["values"][0]["value"][0]["errorCode"]


async def test_a_filter_splits_by_dimension(
    azure_standin: Standin, metrics: MetricsClient
) -> None:
    """One busy GPU of eight must not vanish in an average."""
    gpus = [
        series("a", "Gpu", constant=number * 10, dimension={"GpuId": str(number)})
        for number in range(2)
    ]
    azure_standin.put_world(world(vm("a"), metrics=gpus))
    (split,) = await ask(metrics, "a", metric_names=["Gpu"], filter="GpuId eq '*'")
    (whole,) = await ask(metrics, "a", metric_names=["Gpu"])
    found = {
        tuple(one.metadata_values.items()): one.data[0].average
        for one in split.metrics[0].timeseries
    }
    assert {(("gpuid", "0"),): 0.0, (("gpuid", "1"),): 10.0} == found
    assert 5.0 == values(whole)[0]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([vm_id(f"v{number}") for number in range(51)], "at most 50"),
        ([vm_id("a").replace(SUBSCRIPTION, "other"), vm_id("a")], "subscription"),
        ([vm_id("a"), disk("d")["id"]], "one type"),
        ([vm_id("a"), vm_id("far")], "one region"),
        ([vm_id("a"), "not-an-id"], "not a resource id"),
    ],
)
async def test_a_batch_that_the_service_would_refuse_is_refused(
    azure_standin: Standin, metrics: MetricsClient, ids: list[str], message: str
) -> None:
    """The client checks nothing of this; a caller that batches wrongly learns it here."""
    far = {**vm("far"), "location": "eastus"}
    azure_standin.put_world(world(vm("a"), far, disk("d")))
    with pytest.raises(HttpResponseError, match=message):
        await ask(metrics, resource_ids=ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric_names": ["GPU Utilization"]}, "Valid metrics"),
        ({"granularity": timedelta(minutes=7)}, "time grain"),
        ({"filter": "GpuId gt '1'"}, "filter part"),
        ({"aggregations": ["median"]}, "median"),
    ],
)
async def test_a_query_that_the_service_would_refuse_is_refused(
    azure_standin: Standin, metrics: MetricsClient, change: dict[str, Any], message: str
) -> None:
    """A VM has no GPU metric on the platform: asking for one is a 400, not zero."""
    azure_standin.put_world(world(vm("a")))
    with pytest.raises(HttpResponseError, match=message):
        await ask(metrics, "a", **change)
