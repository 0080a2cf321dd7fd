"""Online endpoints of Azure ML: read one, and say which deployment gets what."""

from __future__ import annotations

from typing import Protocol

from shared.core.ml_endpoints import EndpointFacts, Routing, Split


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
