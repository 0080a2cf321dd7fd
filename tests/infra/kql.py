"""Which tables and columns a query asks for, and which of them are not there.

Knows as much of the language as the queries of this project use. A name that a query
makes itself holds for the whole of it, so what is caught is the misspelt table, column or
function, and not the column that an earlier line has dropped.

Source: https://learn.microsoft.com/kusto/query/, tables:
https://learn.microsoft.com/azure/azure-monitor/reference/tables-index
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.core.audit_tables import TABLES

_STANDARD = {"TimeGenerated", "Type", "TenantId", "_ResourceId", "_SubscriptionId"}
_APP = {"OperationName", "OperationId", "AppRoleName", "ItemCount", "Properties"}
COLUMNS: Mapping[str, set[str]] = {
    **{table.value: {one.name for one in its} | _STANDARD for table, its in TABLES.items()},
    "Heartbeat": {"Computer", "Category", "OSType", "ResourceId", *_STANDARD},
    "InsightsMetrics": {"Computer", "Namespace", "Name", "Val", "Tags", *_STANDARD},
    "Syslog": {"Computer", "Facility", "SeverityLevel", "SyslogMessage", *_STANDARD},
    "AppRequests": {"Name", "Success", "ResultCode", "DurationMs", *_APP, *_STANDARD},
    "AppMetrics": {"Name", "Sum", "Min", "Max", *_APP, *_STANDARD},
    "AppTraces": {"Message", "SeverityLevel", *_APP, *_STANDARD},
}
FUNCTIONS = frozenset(
    [
        *("ago", "now", "bin", "coalesce", "datetime_diff", "extract", "todouble", "toint"),
        *("isempty", "isnotempty", "isnull", "isnotnull", "tostring", "iff", "in"),
        *("arg_max", "arg_min", "avg", "count", "countif", "dcount", "make_set", "max"),
        *("maxif", "min", "minif", "percentile", "sum", "sumif", "take_any"),
    ]
)
OPERATORS = frozenset(
    ["where", "summarize", "project", "extend", "order", "top", "distinct", "join", "render"]
)
_WORDS = frozenset(
    [
        *OPERATORS,
        *("by", "asc", "desc", "and", "or", "not", "in", "has", "startswith", "contains"),
        *("kind", "leftouter", "leftanti", "inner", "on", "timechart", "let", "union", "true"),
        *("false", "between"),
    ]
)
_TEXT = re.compile(r"@?'(?:[^'\\]|\\.)*'|@?\"(?:[^\"\\]|\\.)*\"")


def faults(query: str) -> list[str]:
    """List the tables, columns, functions and operators of a query that are not known."""
    plain = _TEXT.sub("''", query)
    plain = re.sub(r"\{\w+\}", "''", plain)  # a workbook's parameters
    lets = set(re.findall(r"\blet (\w+) =", plain))
    made = set(re.findall(r"\b(\w+) = ", plain)) - {"kind"}
    wrong: list[str] = []
    known: set[str] = set(made)
    for part in plain.split(";"):
        head = re.sub(r"^\s*let \w+ =\s*", "", part.strip())
        source = head.partition("\n")[0].strip()
        if source in lets:
            continue
        if source not in COLUMNS:
            wrong.append(f"there is no table {source!r}")
        known |= COLUMNS.get(source, set())
    operators = re.findall(r"^\s*\|\s*([\w-]+)", plain, re.MULTILINE)
    wrong += [f"there is no operator {one!r}" for one in operators if one not in OPERATORS]
    for name, call in re.findall(r"(?<![\w.])([A-Za-z_]\w*)(\s?\()?", plain):
        if call and name in FUNCTIONS | _WORDS:
            continue
        if name in known | lets | _WORDS | set(COLUMNS) | {"''"}:
            continue
        wrong.append(f"there is no {'function' if call else 'column'} {name!r}")
    return [*dict.fromkeys(wrong)]
