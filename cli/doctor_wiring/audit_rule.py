"""The data collection rule: the app's own, at its endpoint, with its streams and columns.

Source: https://learn.microsoft.com/rest/api/monitor/data-collection-rules,
https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-rule-structure
"""

from __future__ import annotations

from cli.doctor_wiring.place import Json, Place, inside, properties, some
from shared.core.audit_tables import TABLES, Column
from shared.core.findings import Finding, Verdict

RULES = "Microsoft.Insights/dataCollectionRules"
INSIGHTS_API = "2023-03-11"
_AGAIN = "deploy infra/bicep/modules/logs.bicep again (docs/AUDIT.md#settings)"


async def audit_rule(place: Place) -> list[Finding]:
    """Compare the rule with what the app sends."""
    immutable = str(place.about.get("ingestion_rule") or "")
    if not immutable:
        said = "NIGHTSHIFT_INGESTION_RULE is not set: nothing goes to Log Analytics"
        return [Finding("audit_rule", Verdict.OFF, said, advice="docs/AUDIT.md#settings")]
    listed = await place.everything(RULES, INSIGHTS_API)
    found = next(
        (one for one in listed if properties(one).get("immutableId") == immutable), None
    )
    if found is None:
        said = f"no data collection rule of {place.subscription} has the id {immutable}"
        advice = (
            "az monitor data-collection rule list --query '[].{name:name,id:immutableId}'; "
            "set NIGHTSHIFT_INGESTION_RULE to the right one"
        )
        return [Finding("audit_rule", Verdict.FAILED, said, immutable, advice)]
    name = str(found.get("name"))
    faults = [*(await _endpoint(place, found)), *_streams(place, found)]
    if faults:
        return faults
    columns = sum(len(one) for one in TABLES.values())
    said = f"{name}: {len(TABLES)} streams, {columns} columns as the app sends them"
    return [Finding("audit_rule", Verdict.OK, said, name)]


async def _endpoint(place: Place, rule: Json) -> list[Finding]:
    """See that the endpoint of the settings is the rule's own."""
    wanted = str(place.about.get("ingestion_endpoint") or "").rstrip("/").casefold()
    about, name = properties(rule), str(rule.get("name"))
    known = [str(inside(about, "endpoints").get("logsIngestion") or "")]
    dce = str(about.get("dataCollectionEndpointId") or "")
    if dce:
        found = await place.arm.get(dce, api_version=INSIGHTS_API) or {}
        known.append(str(inside(properties(found), "logsIngestion").get("endpoint") or ""))
    right = [one.rstrip("/").casefold() for one in known if one]
    if wanted in right:
        return []
    there = ", ".join(right) or "no endpoint"
    said = f"the app sends to {wanted or 'nowhere'}, {name} takes records at {there}"
    advice = f"NIGHTSHIFT_INGESTION_ENDPOINT={right[0]}" if right else _AGAIN
    return [Finding("audit_rule", Verdict.FAILED, said, "endpoint", advice)]


def _streams(place: Place, rule: Json) -> list[Finding]:
    about = properties(rule)
    declared = inside(about, "streamDeclarations")
    flowing = {
        str(stream)
        for flow in some(about, "dataFlows")
        for stream in flow.get("streams") or ()
        if flow.get("destinations")
    }
    sent = inside(place.about, "streams")
    faults = []
    for table, columns in TABLES.items():
        stream = str(sent.get(table.value) or f"Custom-{table.value}")
        found = declared.get(stream)
        if not isinstance(found, dict):
            said = f"the rule has no stream {stream}: its records are refused"
            faults.append(Finding("audit_rule", Verdict.FAILED, said, stream, _AGAIN))
            continue
        if stream not in flowing:
            said = f"stream {stream} flows to no table: its records are dropped"
            faults.append(Finding("audit_rule", Verdict.FAILED, said, stream, _AGAIN))
        faults += _columns(stream, columns, found)
    return faults


def _columns(stream: str, wanted: tuple[Column, ...], declared: Json) -> list[Finding]:
    """Compare columns; one that the rule lacks is dropped without a word."""
    there = {
        str(one.get("name")): str(one.get("type")).casefold()
        for one in some(declared, "columns")
    }
    wrong = tuple(
        f"{one.name}: {there[one.name]}, should be {one.type}"
        if one.name in there
        else f"{one.name} ({one.type}) is missing"
        for one in wanted
        if there.get(one.name) != one.type
    )
    if not wrong:
        return []
    said = f"{len(wrong)} columns of {stream} are not as the app sends them"
    return [Finding("audit_rule", Verdict.FAILED, said, stream, _AGAIN, wrong)]
