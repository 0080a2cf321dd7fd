"""Online endpoints through the resource manager: read, and put back with another split.

azure-ai-ml changes a split by a PUT of what it understood of the endpoint: the workspace's
region for the endpoint's own, no ``kind`` and no ``sku``, and no mirrored traffic of one on
Kubernetes. So the document is put back as it was read, but for the split and one tag;
only what the service alone writes is left out.

Source: https://learn.microsoft.com/rest/api/azureml/online-endpoints/create-or-update
Source: https://learn.microsoft.com/rest/api/azureml/online-deployments/list
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.ml_endpoints import (
    API_VERSION,
    GOOD_TAG,
    EndpointFacts,
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
_KEPT = ("identity", "kind", "location", "sku")
_READ_ONLY = frozenset({"provisioningState", "scoringUri", "swaggerUri"})
"""Source: https://learn.microsoft.com/rest/api/azureml/online-endpoints/get"""


class ArmOnlineEndpoints:
    """Implements ``shared.ports.OnlineEndpoints``."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm

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
