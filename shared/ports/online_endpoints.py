"""Online endpoints of Azure ML: read one, and say which deployment gets what."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from shared.core.ml_endpoints import EndpointFacts, Figures, Routing, Split


class OnlineEndpoints(Protocol):
    """Endpoints that answer requests, and the deployments behind them."""

    async def endpoint(self, resource_id: str) -> EndpointFacts | None:
        """Read an endpoint with its deployments, by its own id or by one deployment's.

        None if there is no such endpoint, or no such deployment of it.
        """
        ...

    async def set_traffic(
        self, endpoint: str, *, was: Routing, now: Routing, good: Split
    ) -> None:
        """Ask for a split, and write in the same call which one is the last good one.

        Raises:
            StaleFacts: It is not as it was any more.
            InvalidTarget: There is no such endpoint, or it refuses the split.
        """
        ...

    async def figures(
        self, endpoint: EndpointFacts, deployment: str, *, window: timedelta
    ) -> Figures | None:
        """Read how a deployment answered lately; None if that cannot be read now."""
        ...
