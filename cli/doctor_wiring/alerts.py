"""Alerts: the action group that points to this app, and the rules that use it.

An address of a webhook carries a key: only its host and path are looked at and shown.

Source: https://learn.microsoft.com/rest/api/monitor/action-groups,
https://learn.microsoft.com/azure/templates/microsoft.insights/metricalerts,
.../scheduledqueryrules, .../activitylogalerts
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cli.doctor_wiring.place import Json, Place, inside, properties, some
from shared.core.findings import Finding, Verdict
from shared.core.resource_ids import same_resource

GROUPS = ("Microsoft.Insights/actionGroups", "2023-01-01")
RULES = (
    ("Microsoft.Insights/metricAlerts", "2018-03-01"),
    ("Microsoft.Insights/scheduledQueryRules", "2023-12-01"),
    ("Microsoft.Insights/activityLogAlerts", "2020-10-01"),
)
FUNCTION, PATH = "on_alert", "/api/alerts"
_AGAIN = "deploy infra/bicep/modules/actiongroups.bicep again (docs/ALERTS.md)"


@dataclass(frozen=True, slots=True)
class _Receiver:
    """One way from a group to an address.

    Attributes:
        where: Host and path, or the function; never the query.
        is_here: It leads to this app.
    """

    group: str
    where: str
    is_here: bool
    is_common: bool


async def alerts(place: Place) -> list[Finding]:
    """Follow alert rules to groups, and groups to the app."""
    groups = await place.everything(*GROUPS)
    receivers = [one for group in groups for one in _receivers(place, group)]
    here = {one.group for one in receivers if one.is_here}
    if not here:
        return [_nowhere(place, receivers)]
    faults = [*_groups(groups, here, receivers)]
    rules = [
        rule
        for listed in await asyncio.gather(*(place.everything(*one) for one in RULES))
        for rule in listed
    ]
    return [*faults, *_rules(place, rules, here, is_sound=not faults)]


def _receivers(place: Place, group: Json) -> Iterator[_Receiver]:
    about, name = properties(group), str(group.get("id")).casefold()
    for one in some(about, "webhookReceivers"):
        parts = urlsplit(str(one.get("serviceUri") or ""))
        where = f"{parts.netloc}{parts.path}".casefold()
        is_here = where == f"{place.host}{PATH}"
        yield _Receiver(name, where, is_here, one.get("useCommonAlertSchema") is True)
    for one in some(about, "azureFunctionReceivers"):
        app, function = str(one.get("functionAppResourceId")), str(one.get("functionName"))
        is_here = same_resource(app, place.app_id.text) and function == FUNCTION
        where = f"{app.rpartition('/')[2]}/{function}"
        yield _Receiver(name, where, is_here, one.get("useCommonAlertSchema") is True)


def _nowhere(place: Place, receivers: list[_Receiver]) -> Finding:
    near = [one.where for one in receivers if PATH in one.where or FUNCTION in one.where]
    others = f"; others point to {', '.join(near[:3])}" if near else ""
    said = f"no action group points to {place.host}{PATH}{others}"
    return Finding("alerts", Verdict.FAILED, said, "action group", _AGAIN)


def _groups(
    groups: list[Json], here: set[str], receivers: list[_Receiver]
) -> Iterator[Finding]:
    for group in groups:
        if str(group.get("id")).casefold() not in here:
            continue
        name = str(group.get("name"))
        if properties(group).get("enabled") is not True:
            advice = (
                f"az monitor action-group update --ids {group.get('id')} --set enabled=true"
            )
            said = f"action group {name} is switched off"
            yield Finding("alerts", Verdict.FAILED, said, name, advice)
        own = [one for one in receivers if one.group == str(group.get("id")).casefold()]
        if any(one.is_here and not one.is_common for one in own):
            said = f"{name} does not send the common alert schema: each alert is refused"
            yield Finding("alerts", Verdict.FAILED, said, name, _AGAIN)


def _rules(
    place: Place, rules: list[Json], here: set[str], *, is_sound: bool
) -> Iterator[Finding]:
    attached = [one for one in rules if here & set(_groups_of(one))]
    off = sorted(str(one.get("name")) for one in attached if not _is_on(one))
    if not attached:
        said = "no alert rule uses the action group: nothing is ever sent"
        advice = "deploy infra/bicep/modules/alerts.bicep (docs/ALERTS.md)"
        yield Finding("alerts", Verdict.FAILED, said, "alert rules", advice)
    elif len(off) == len(attached):
        said = f"all {len(off)} alert rules that use the action group are switched off"
        advice = "az monitor metrics alert update --enabled true, or isEnabled in infra/bicep"
        yield Finding("alerts", Verdict.FAILED, said, "alert rules", advice, tuple(off))
    elif off:
        said = f"{len(off)} of {len(attached)} attached alert rules are switched off"
        yield Finding("alerts", Verdict.NOTE, said, "alert rules", items=tuple(off))
    own = place.group.casefold() + "/"
    loose = tuple(
        sorted(
            str(one.get("name"))
            for one in rules
            if str(one.get("id")).casefold().startswith(own) and not _groups_of(one)
        )
    )
    if loose:
        said = f"{len(loose)} alert rules beside the app use no action group: nobody is told"
        yield Finding("alerts", Verdict.FAILED, said, "unattached", _AGAIN, loose)
    if attached and is_sound and not loose and len(off) < len(attached):
        said = f"{len(attached) - len(off)} alert rules reach {place.host}{PATH}"
        yield Finding("alerts", Verdict.OK, said)


def _groups_of(rule: Json) -> list[str]:
    """Name the groups of a rule: three kinds of rules have three forms of it."""
    about = properties(rule)
    listed = some(about, "actions")
    found = [str(one.get("actionGroupId") or "") for one in listed]
    groups = inside(about, "actions").get("actionGroups")
    if isinstance(groups, list):
        found += [
            one if isinstance(one, str) else str(inside({"a": one}, "a").get("actionGroupId"))
            for one in groups
        ]
    return [one.casefold() for one in found if one and one != "None"]


def _is_on(rule: Json) -> bool:
    return properties(rule).get("enabled") is not False
