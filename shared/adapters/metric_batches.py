"""The metrics batch API: values of up to 50 resources of one region and type in one call.

Clients are the library's own, one an endpoint, so that tokens, retries and the cloud's
audience are its business. The answer is read as JSON: the library's models take 1.2 ms
of processor a machine (three metrics of an hour), which is what a sweep of an estate is
made of; ``make bench-sweep`` shows it.

Source: https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import sdk_options
from shared.core.resource_ids import ResourceId

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.monitor.querymetrics.aio import MetricsClient

    from shared.core.settings import Settings

API_VERSION = "2024-02-01"
MOST_RESOURCES = 50
AT_ONCE = 8
HOURS_OF_A_DAY = 24
ROLE = "Monitoring Reader"
_OF_RESOURCE = "/providers/microsoft.insights/metrics/"
Metric = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """One call.

    Attributes:
        resource_ids: At most 50, of one subscription, region and type.
        more: Other query parameters (``filter``, ``top``).
    """

    region: str
    resource_ids: Sequence[str]
    namespace: str
    metrics: Sequence[str]
    start: datetime
    end: datetime
    grain: timedelta
    aggregations: Sequence[str]
    more: Mapping[str, str] = field(default_factory=dict)


class MetricBatches:
    """Asks, a few calls at a time."""

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        self._credential = credential
        self._endpoint = settings.metrics_endpoint
        self._audience = settings.metrics_audience
        self._clients: dict[str, MetricsClient] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, batch: Batch) -> list[Metric]:
        """Return every metric of every resource, as the service writes it.

        Raises:
            AutomationError: The call failed, in words that name what was read.
        """
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        owner = ResourceId.parse(batch.resource_ids[0]).subscription
        request = HttpRequest(
            "POST",
            f"/subscriptions/{owner}/metrics:getBatch",
            params={**_query(batch), **batch.more},
            json={"resourceids": list(batch.resource_ids)},
        )
        names, count = ", ".join(batch.metrics), len(batch.resource_ids)
        doing = f"reading {names} of {count} resources in {batch.region}"
        async with self._slots, translated(doing, role=ROLE):
            client = await self._client(batch.region)
            response = await client.send_request(request)
            if response.status_code != HTTPStatus.OK:
                raise HttpResponseError(response=response)
            body = response.json()
        return [metric for value in body["values"] for metric in value.get("value") or ()]

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    async def _client(self, region: str) -> MetricsClient:
        endpoint = self._endpoint.replace("{region}", region)
        if endpoint not in self._clients:
            build = await asyncio.to_thread(_client_class)
            self._clients.setdefault(
                endpoint,
                build(endpoint, self._credential, audience=self._audience, **sdk_options()),
            )
        return self._clients[endpoint]


def name_of(metric: Metric) -> str:
    """Return a metric's name."""
    name = metric.get("name")
    return str(name.get("value") or "") if isinstance(name, Mapping) else str(name or "")


def carrier_of(metric: Metric) -> str:
    """Return the folded id of the resource that a metric is of, from its own id."""
    return str(metric.get("id") or "").casefold().partition(_OF_RESOURCE)[0]


def series_of(metric: Metric) -> Iterable[tuple[Mapping[str, str], Iterable[Metric]]]:
    """Yield each series: its dimensions by folded name, and its points."""
    for series in metric.get("timeseries") or ():
        dimensions = {
            str((one.get("name") or {}).get("value")).casefold(): str(one.get("value"))
            for one in series.get("metadatavalues") or ()
        }
        yield dimensions, series.get("data") or ()


def _query(batch: Batch) -> dict[str, str]:
    return {
        "api-version": API_VERSION,
        "starttime": _moment(batch.start),
        "endtime": _moment(batch.end),
        "interval": _interval(batch.grain),
        "metricnamespace": batch.namespace,
        "metricnames": ",".join(name.replace(",", "%2") for name in batch.metrics),
        "aggregation": ",".join(batch.aggregations),
    }


def _interval(grain: timedelta) -> str:
    """Spell a grain as the service knows it: an hour is PT1H, and PT60M is refused."""
    minutes = int(grain / timedelta(minutes=1))
    hours, rest = divmod(minutes, 60)
    if rest or not hours:
        return f"PT{minutes}M"
    return "P1D" if hours == HOURS_OF_A_DAY else f"PT{hours}H"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _client_class() -> type[MetricsClient]:
    from azure.monitor.querymetrics.aio import MetricsClient

    return MetricsClient
