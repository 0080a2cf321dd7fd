"""The Logs Ingestion API: records are kept in the world by rule and stream.

A rule that the world describes takes its own streams only; if the world describes no
rule at all, any rule is taken.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview and
https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api
"""

import re

from sandbox.azure import api_versions
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

VERSIONS = ("2021-11-01-preview", "2023-01-01")
MOST_BYTES = 1024 * 1024
MOST_FIELD_BYTES = 64 * 1024
RULE = "Microsoft.Insights/dataCollectionRules"
_PATH = re.compile(r"/ingestion/dataCollectionRules/([^/]+)/streams/([^/]+)", re.IGNORECASE)


def answer(call: Call) -> Reply:
    """Take the records of one call, all or none."""
    match = _PATH.fullmatch(call.path)
    if match is None or call.method != "POST":
        raise ServiceError(
            404, "NotFound", "Records go to POST /dataCollectionRules/{id}/streams/{stream}."
        )
    api_versions.require(call, VERSIONS, "dataCollectionRules/streams")
    rule, stream = match[1], match[2]
    _check_destination(call, rule, stream)
    records = _records(call)
    kept = [{key: _truncated(value) for key, value in one.items()} for one in records]
    call.state.world.ingested.setdefault(f"{rule}/{stream}", []).extend(kept)
    return Reply(204)


def _check_destination(call: Call, rule: str, stream: str) -> None:
    rules = list(call.state.world.of_type(RULE, "/subscriptions"))
    found = [one for one in rules if one["properties"].get("immutableId") == rule]
    if rules and not found:
        raise ServiceError(
            404, "NotFound", f"Data collection rule with immutable Id '{rule}' not found."
        )
    declared = [
        name for one in found for name in one["properties"].get("streamDeclarations", {})
    ]
    if (declared and stream not in declared) or not stream.startswith(
        ("Custom-", "Microsoft-")
    ):
        raise ServiceError(
            400,
            "InvalidStream",
            f"Stream name '{stream}' is invalid or not declared in the data collection rule; "
            f"declared are: {', '.join(declared) or 'none'}.",
        )


def _records(call: Call) -> list[Json]:
    """Read the records, whose size counts without what separates them.

    The client fills its chunks by that measure, and the service takes them.
    """
    records = call.json("InvalidRequestContent")
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise ServiceError(
            400, "InvalidRequestContent", "The body must be a JSON array of objects."
        )
    size = len(call.raw) - 2 * (len(records) + 1)
    if size > MOST_BYTES:
        raise ServiceError(
            413,
            "ContentLengthLimitExceeded",
            f"Maximum allowed content length: {MOST_BYTES} bytes (1 MB). Provided content "
            f"length: {len(call.raw)} bytes.",
        )
    return records


def _truncated(value: object) -> object:
    """Cut a field at 64 KB, as the service does without saying so."""
    if isinstance(value, str) and len(value.encode()) > MOST_FIELD_BYTES:
        return value.encode()[:MOST_FIELD_BYTES].decode("utf-8", "ignore")
    return value
