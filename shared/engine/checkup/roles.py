"""Who the app is, and whether it may do what its rules need, operation by operation.

The service is asked with the app's own identity: a person's view of role assignments
would have to reckon groups, inheritance and exclusions again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from shared.core.errors import AutomationError
from shared.core.findings import Finding, Verdict
from shared.core.grants import Grant, Judged, Standing, judge
from shared.core.resource_ids import WORKSPACE, ResourceId
from shared.core.settings import Settings
from shared.engine.checkup.asked import Asked
from shared.engine.checkup.needs import Need, needs
from shared.engine.night import Night

ROLE = "Nightshift (what doctor missed)"
NOBODY = "<object id of the app's identity>"
_BECAUSE_MOST = 3
_ML = "microsoft.machinelearningservices/"


async def identity(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Fetch a token, and say for whom it is."""
    whom = await night.ports.upkeep.premises.identity()
    wanted = night.settings.client_id
    if wanted and whom.client_id and whom.client_id.casefold() != wanted.casefold():
        said = f"the token is for the client id {whom.client_id}, AZURE_CLIENT_ID is {wanted}"
        advice = (
            "assign that identity to the app: az functionapp identity assign -g GROUP -n APP "
            "--identities IDENTITY_ID, or correct AZURE_CLIENT_ID"
        )
        return [Finding("identity", Verdict.FAILED, said, advice=advice)]
    name = whom.object_id or "an identity whose token names nobody"
    client = f", client id {whom.client_id}" if whom.client_id else ""
    said = f"the managed identity has tokens: {name}{client}"
    return [Finding("identity", Verdict.OK, said, about=whom.object_id)]


async def roles(night: Night, asked: Asked) -> list[Finding]:
    """Judge each operation needed, at each scope."""
    scopes = asked.scopes or scopes_of(night.settings)
    if not scopes:
        said = "no scope to look at: NIGHTSHIFT_SUBSCRIPTIONS is empty"
        advice = "set it, or say where the app may act: nightshift doctor --scope SCOPE"
        return [Finding("roles", Verdict.UNKNOWN, said, advice=advice)]
    wanted = needs(night)
    premises = night.ports.upkeep.premises
    found = await asyncio.gather(
        *(premises.grants(scope) for scope in scopes), return_exceptions=True
    )
    holder = await _holder(night)
    findings = []
    for scope, grants in zip(scopes, found, strict=True):
        if isinstance(grants, BaseException):
            findings.append(_unread(scope, grants))
            continue
        findings.append(_judged(scope, _that_matter(scope, wanted), grants, holder))
    return findings


async def _holder(night: Night) -> str:
    """Name who is to be granted something; the rights are judged without it, too."""
    try:
        return (await night.ports.upkeep.premises.identity()).object_id or NOBODY
    except AutomationError:
        return NOBODY


def scopes_of(settings: Settings) -> tuple[str, ...]:
    """Name what the settings say the app works in; a workspace within them is no more."""
    whole = tuple(f"/subscriptions/{one}" for one in settings.subscriptions)
    known = {one.casefold() for one in settings.subscriptions}
    alone = tuple(
        one
        for one in settings.workspaces
        if ResourceId.parse(one).subscription.casefold() not in known
    )
    return (*whole, *alone)


def _that_matter(scope: str, wanted: Sequence[Need]) -> list[Need]:
    """Ask a workspace about its own operations alone: no machine of ours is under it."""
    if ResourceId.parse(scope).type != WORKSPACE:
        return list(wanted)
    return [one for one in wanted if one.operation.casefold().startswith(_ML)]


def _unread(scope: str, error: BaseException) -> Finding:
    advice = (
        "grant the app's identity Microsoft.Authorization/permissions/read there (the "
        "built-in role Reader has it), or leave the scope out"
    )
    said = f"could not look: {error}"
    return Finding("roles", Verdict.UNKNOWN, said, about=scope, advice=advice)


def _judged(
    scope: str, wanted: Sequence[Need], grants: Sequence[Grant], holder: str
) -> Finding:
    judged = [(one, judge(one.operation, grants, is_data=one.is_data)) for one in wanted]
    lacking = [(one, how) for one, how in judged if how.standing is not Standing.GRANTED]
    if not lacking:
        said = f"all {len(judged)} operations that the rules need are granted"
        return Finding("roles", Verdict.OK, said, about=scope)
    is_data = any(one.is_data for one, _ in lacking)
    aks = "; a cluster that authorises by Kubernetes RBAC needs a ClusterRoleBinding instead"
    return Finding(
        "roles",
        Verdict.FAILED,
        f"{len(lacking)} of {len(judged)} operations that the rules need are not granted",
        about=scope,
        advice=_grant(scope, [one for one, _ in lacking], holder) + (aks if is_data else ""),
        items=tuple(_line(one, how) for one, how in lacking),
    )


def _line(need: Need, how: Judged) -> str:
    whom = ", ".join(need.because[:_BECAUSE_MOST])
    more = len(need.because) - _BECAUSE_MOST
    others = f" and {more} more" if more > 0 else ""
    kind = "data action " if need.is_data else ""
    by = f" by NotActions {how.by} of a role that has it" if how.by else ""
    return f"{how.standing.value}{by}: {kind}{need.operation}, needed by {whom}{others}"


def _assignable(scope: str) -> str:
    """Name what a custom role can be made for: a resource group or a subscription.

    Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
    (``AssignableScopes``)
    """
    found = ResourceId.parse(scope)
    group = f"/resourceGroups/{found.resource_group}" if found.resource_group else ""
    return f"/subscriptions/{found.subscription}{group}"


def _grant(scope: str, lacking: Sequence[Need], holder: str) -> str:
    """Write the commands that grant exactly what is missing, and nothing more."""
    definition = {
        "Name": ROLE,
        "Description": "Operations that nightshift doctor found missing",
        "AssignableScopes": [_assignable(scope)],
        "Actions": [one.operation for one in lacking if not one.is_data],
        "DataActions": [one.operation for one in lacking if one.is_data],
    }
    return (
        "deploy infra/bicep again with this scope, or by hand: "
        f"az role definition create --role-definition '{json.dumps(definition)}' && "
        f'az role assignment create --assignee-object-id "{holder}" '
        f'--assignee-principal-type ServicePrincipal --role "{ROLE}" --scope {scope}'
    )
