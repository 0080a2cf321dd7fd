"""Gather what is decided on about online endpoints. Reads only."""

from __future__ import annotations

from shared.core.errors import InvalidTarget
from shared.core.ml_endpoints import EndpointFacts
from shared.core.resource_ids import ML_DEPLOYMENT, ML_ENDPOINT, ResourceId
from shared.engine.night import Ports


async def observe_endpoint(target: ResourceId, ports: Ports) -> EndpointFacts | None:
    """Read an endpoint with its deployments."""
    if target.type not in {ML_ENDPOINT, ML_DEPLOYMENT}:
        kind = target.type or "container"
        raise InvalidTarget(
            f"{target.text} is a {kind}; wanted: {ML_ENDPOINT} or {ML_DEPLOYMENT}"
        )
    return await ports.online_endpoints.endpoint(target.text)
