"""Resource Graph, as far as Nightshift asks it: one table, one type, some columns.

The query language is much larger; what is not understood is refused as the service
refuses a query that does not parse, so that a query of ours that grows is noticed.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
"""

import re

from sandbox.azure import api_versions, errors
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

VERSIONS = ("2021-03-01", "2022-10-01", "2024-04-01")
PATH = "/providers/microsoft.resourcegraph/resources"
TABLES = frozenset(
    {
        *("resources", "maintenanceresources", "insightsresources"),
        *("patchassessmentresources", "patchinstallationresources"),
    }
)
_QUERY = re.compile(
    r"\s*(?P<table>\w+)\s*\|\s*where\s+type\s*(?:=~|==)\s*['\"](?P<type>[^'\"]+)['\"]\s*"
    r"(?:and\s+id\s+startswith\s+'(?P<under>[^']+)'\s*)?"
    r"\|\s*project\s+(?P<columns>\w+(?:\s*,\s*\w+)*)\s*"
)
_MOST = 1_000


def answer(call: Call) -> Reply:
    """Answer a query over the subscriptions that the body names."""
    if call.method != "POST" or call.path.lower() != PATH:
        raise ServiceError(404, "InvalidResourceType", f"'{call.path}' is not offered here.")
    api_versions.require(call, VERSIONS, "Microsoft.ResourceGraph/resources")
    body = call.body()
    subscriptions, query = body.get("subscriptions"), body.get("query")
    if not isinstance(subscriptions, list) or not subscriptions:
        raise errors.missing("subscriptions")
    found = _QUERY.fullmatch(query if isinstance(query, str) else "")
    if found is None or found["table"].lower() not in TABLES:
        raise ServiceError(
            400, "BadRequest", f"Query is invalid: {query!r} is not understood."
        )
    columns = [one.strip() for one in found["columns"].split(",")]
    rows: list[Json] = [
        {column: resource.get(column) for column in columns}
        for subscription in subscriptions
        for resource in call.state.world.of_type(
            found["type"], f"/subscriptions/{subscription}"
        )
        if resource["id"].lower().startswith((found["under"] or "").lower())
    ]
    return Reply(200, _page(body.get("options") or {}, rows, is_paged="id" in columns))


def _page(options: Json, rows: list[Json], *, is_paged: bool) -> Json:
    """Give one page; without an id among the columns there is no way to the next."""
    start = int(options.get("$skipToken") or 0)
    size = min(int(options.get("$top") or 100), _MOST)
    shown = rows[start : start + size]
    is_cut = start + size < len(rows)
    body: Json = {
        "totalRecords": len(rows),
        "count": len(shown),
        "data": shown,
        "facets": [],
        "resultTruncated": "true" if is_cut and not is_paged else "false",
    }
    if is_cut and is_paged:
        body["$skipToken"] = str(start + size)
    return body
