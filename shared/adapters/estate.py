"""Lists of the resource manager and queries of Resource Graph, by azure-core.

One reader serves every list: the management libraries would cost an import for each
provider, and give the same JSON.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data
(1,000 rows a page; ``resultTruncated`` without a skip token: the query projects no ``id``)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from shared.core.errors import TooLarge

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader, Json

GRAPH = "/providers/Microsoft.ResourceGraph/resources"
GRAPH_API = "2022-10-01"
ROWS = 1_000


class ArmEstate:
    """Implements ``shared.ports.Estate``."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm

    def listed(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> AsyncIterator[Json]:
        """Yield every document of a paged list."""
        return self._arm.pages(path, api_version=api_version, query=query)

    async def one(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> Json | None:
        """Return one document, or None if there is none."""
        return await self._arm.get(path, api_version=api_version, query=query)

    async def graph(self, query: str, *, subscription: str) -> AsyncIterator[Json]:
        """Yield every row, page by page.

        Raises:
            TooLarge: There are more rows than were answered, and no way to the rest.
        """
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": ROWS}
        while True:
            body = {"subscriptions": [subscription], "query": query, "options": options}
            answer = await self._arm.post(GRAPH, api_version=GRAPH_API, body=body)
            for row in answer.get("data") or ():
                yield row
            token = answer.get("$skipToken")
            if not token:
                if str(answer.get("resultTruncated")).casefold() == "true":
                    raise TooLarge(f"asking Resource Graph: more rows than {ROWS}: {query}")
                return
            options = {**options, "$skipToken": token}
