"""Online endpoints of Azure ML, held in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.ml_endpoints import (
    GOOD_TAG,
    EndpointFacts,
    Figures,
    Routing,
    Split,
    parse_split,
    write_split,
)
from shared.core.resource_ids import ML_DEPLOYMENT, ResourceId
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeOnlineEndpoints(Trapped):
    """Endpoints by folded id.

    Attributes:
        answered: How each deployment answers; None where that cannot be read.
        looks: Reads for which a changed endpoint is being updated.
    """

    endpoints: dict[str, EndpointFacts] = field(default_factory=dict)
    answered: dict[str, Figures | None] = field(default_factory=dict)
    looks: int = 1
    _updating: dict[str, int] = field(default_factory=dict)

    def add(self, endpoint: EndpointFacts) -> EndpointFacts:
        """Put an endpoint into the world."""
        self.endpoints[endpoint.endpoint.casefold()] = endpoint
        return endpoint

    def route(self, endpoint: str, routing: Routing) -> None:
        """Let a person change the split."""
        found = self.endpoints[endpoint.casefold()]
        self.endpoints[endpoint.casefold()] = replace(found, routing=routing)

    async def endpoint(self, resource_id: str) -> EndpointFacts | None:
        """Read an endpoint, or a deployment of it."""
        self.reading("endpoint")
        rid = ResourceId.parse(resource_id)
        is_deployment = rid.type == ML_DEPLOYMENT
        found = self.endpoints.get((rid.parent if is_deployment else rid.text).casefold())
        if found is None:
            return None
        left = self._updating.pop(found.endpoint.casefold(), 0)
        if left:
            self._updating[found.endpoint.casefold()] = left - 1
            found = replace(found, state="updating")
        return _asked(found, rid) if is_deployment else found

    async def set_traffic(
        self, endpoint: str, *, was: Routing, now: Routing, good: Split
    ) -> None:
        """Change the split and the tag."""
        await asyncio.sleep(0)
        self.before("set_traffic")
        found = self.endpoints.get(endpoint.casefold())
        if found is None:
            raise InvalidTarget(f"changing {endpoint}: there is no such endpoint")
        if found.routing != was:
            raise StaleFacts(f"changing {endpoint}: its traffic is not {was} any more")
        tags = {k: v for k, v in found.resource.tags.items() if k.casefold() != GOOD_TAG}
        text = write_split(good)
        self.endpoints[endpoint.casefold()] = replace(
            found,
            routing=now,
            good=parse_split(text),
            resource=replace(found.resource, tags={**tags, GOOD_TAG: text}),
        )
        self._updating[endpoint.casefold()] = self.looks
        self.happened("set_traffic", endpoint)

    async def figures(
        self, endpoint: EndpointFacts, deployment: str, *, window: timedelta
    ) -> Figures | None:
        """Return what was told."""
        self.reading("figures")
        return self.answered.get(deployment, Figures())


def _asked(found: EndpointFacts, rid: ResourceId) -> EndpointFacts | None:
    """Say it of one deployment."""
    deployment = found.deployment(rid.name)
    if deployment is None:
        return None
    resource = replace(
        found.resource, id=rid.text, type=rid.type, name=rid.name, size=deployment.size
    )
    return replace(found, resource=resource, asked=rid.name.casefold())
