"""Online endpoints through the resource manager: read, and put back with another split.

azure-ai-ml changes a split by a PUT of what it understood of the endpoint: the workspace's
region for the endpoint's own, no ``kind`` and no ``sku``, and no mirrored traffic of one on
Kubernetes. So the document is put back as it was read, but for the split and one tag;
only what the service alone writes is left out.

Source: https://learn.microsoft.com/rest/api/azureml/online-endpoints/create-or-update
Source: https://learn.microsoft.com/rest/api/azureml/online-deployments/list

How a deployment answers is a metric of its endpoint, by the dimension ``deployment``. An
answer without a series means that nobody asked: a minute without requests has no point.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.busyness import points_of
from shared.adapters.metric_batches import Batch, Metric, MetricBatches, series_of
from shared.core.errors import AutomationError, InvalidTarget, StaleFacts
from shared.core.ml_endpoints import (
    API_VERSION,
    GOOD_TAG,
    EndpointFacts,
    Figures,
    Routing,
    Split,
    deployment_of,
    endpoint_of,
    write_split,
)
from shared.core.resource_ids import ML_DEPLOYMENT, ML_ENDPOINT, ResourceId

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader, Json

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
REQUESTS, LATENCY = "RequestsPerMinute", "RequestLatency_P95"
_REGION = re.compile(r"[a-z0-9-]+")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_log = logging.getLogger("nightshift.endpoints")
_KEPT = ("identity", "kind", "location", "sku")
_READ_ONLY = frozenset({"provisioningState", "scoringUri", "swaggerUri"})
"""Source: https://learn.microsoft.com/rest/api/azureml/online-endpoints/get"""


class ArmOnlineEndpoints:
    """Implements ``shared.ports.OnlineEndpoints``."""

    def __init__(self, arm: ArmReader, metrics: MetricBatches) -> None:
        self._arm = arm
        self._metrics = metrics

    async def endpoint(self, resource_id: str) -> EndpointFacts | None:
        """Read an endpoint and all its deployments."""
        rid = _parsed(resource_id)
        asked = rid.name.casefold() if rid.type == ML_DEPLOYMENT else ""
        endpoint = rid.parent if asked else rid.text
        document = await self._arm.get(endpoint, api_version=API_VERSION)
        if document is None:
            return None
        path = f"{endpoint}/deployments"
        listed = [one async for one in self._arm.pages(path, api_version=API_VERSION)]
        facts = _read(document, endpoint)
        facts = replace(facts, deployments=tuple(deployment_of(one) for one in listed))
        return _of_deployment(facts, rid, listed) if asked else facts

    async def set_traffic(
        self, endpoint: str, *, was: Routing, now: Routing, good: Split
    ) -> None:
        """Read the endpoint anew and put it back with another split and our tag.

        The service knows no condition on a write: what a person changes between this
        read and the write, milliseconds later, is lost.
        """
        rid = _parsed(endpoint)
        document = await self._arm.get(rid.text, api_version=API_VERSION)
        if document is None:
            raise InvalidTarget(f"changing {endpoint}: there is no such endpoint")
        if _read(document, rid.text).routing != was:
            raise StaleFacts(f"changing {endpoint}: its traffic is not {was} any more")
        await self._arm.change(
            "PUT",
            rid.text,
            api_version=API_VERSION,
            body=_changed(document, now, good),
            needs=f"{ENDPOINTS}/write",
        )

    async def figures(
        self, endpoint: EndpointFacts, deployment: str, *, window: timedelta
    ) -> Figures | None:
        """Ask twice: for the requests by class of status, and for the latency."""
        region = endpoint.resource.location.replace(" ", "").casefold()
        if not _REGION.fullmatch(region) or not _NAME.fullmatch(deployment):
            return None
        now = datetime.now(UTC)
        of = f"deployment eq '{deployment}'"
        asked = {REQUESTS: f"{of} and statusCodeClass eq '*'", LATENCY: of}
        try:
            read = [
                await self._metrics.ask(_batch(endpoint.endpoint, region, now, window, *one))
                for one in asked.items()
            ]
        except AutomationError as exc:
            _log.warning("%s", exc)
            return None
        return _figures(*read)

    async def close(self) -> None:
        """Close the connections."""
        await self._metrics.close()


def _batch(
    endpoint: str, region: str, now: datetime, window: timedelta, metric: str, wanted: str
) -> Batch:
    return Batch(
        region=region,
        resource_ids=[endpoint],
        namespace=ENDPOINTS,
        metrics=(metric,),
        start=now - window,
        end=now,
        grain=timedelta(minutes=1),
        aggregations=("average",),
        more={"filter": wanted, "top": "50"},
    )


def _figures(requests: list[Metric], latency: list[Metric]) -> Figures | None:
    """Add up what was answered; None where a metric could not be read."""
    if any(one.get("errorCode") not in {None, "Success"} for one in (*requests, *latency)):
        return None
    total = errors = 0.0
    for metric in requests:
        for dimensions, data in series_of(metric):
            count = sum(points_of(data, "average").values())
            total += count
            errors += count if dimensions.get("statuscodeclass") == "5xx" else 0
    slowest = [
        value
        for metric in latency
        for _, data in series_of(metric)
        for value in points_of(data, "average").values()
    ]
    return Figures(total, errors, max(slowest, default=None))


def _read(document: Json, endpoint: str) -> EndpointFacts:
    try:
        return endpoint_of(document, endpoint)
    except ValueError as odd:
        raise InvalidTarget(f"reading {endpoint}: {odd}") from odd


def _of_deployment(
    facts: EndpointFacts, rid: ResourceId, listed: list[Json]
) -> EndpointFacts | None:
    """Give the facts the deployment's own name and tags, over those of its endpoint."""
    asked = rid.name.casefold()
    found = next((d for d in listed if str(d.get("name")).casefold() == asked), None)
    if found is None:
        return None
    own = {str(k): str(v) for k, v in (found.get("tags") or {}).items()}
    mine = {name.casefold() for name in own}
    above = {k: v for k, v in facts.resource.tags.items() if k.casefold() not in mine}
    size = deployment_of(found).size
    resource = replace(
        facts.resource,
        id=rid.text,
        type=ML_DEPLOYMENT,
        name=rid.name,
        tags={**above, **own},
        size=size,
    )
    return replace(facts, resource=resource, asked=asked)


def _changed(document: Json, now: Routing, good: Split) -> Json:
    said: Mapping[str, Any] = document.get("properties") or {}
    tags = {
        name: value
        for name, value in (document.get("tags") or {}).items()
        if name.casefold() != GOOD_TAG
    }
    properties = {key: value for key, value in said.items() if key not in _READ_ONLY}
    return {
        **{key: document[key] for key in _KEPT if document.get(key) is not None},
        "tags": {**tags, GOOD_TAG: write_split(good)},
        "properties": {
            **properties,
            "traffic": dict(now.traffic),
            "mirrorTraffic": dict(now.mirror),
        },
    }


def _parsed(resource_id: str) -> ResourceId:
    try:
        rid = ResourceId.parse(resource_id)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    if rid.type not in {ML_ENDPOINT, ML_DEPLOYMENT}:
        raise InvalidTarget(
            f"{resource_id} is a {rid.type or 'container'}; wanted: {ML_ENDPOINT} or "
            f"{ML_DEPLOYMENT}"
        )
    return rid
