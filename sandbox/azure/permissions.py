"""What the caller may do at a scope, as its role assignments say.

Roles are told and not enforced. Every assignment of the world is taken for the caller's:
tokens here name nobody. A world that assigns no role gives every caller everything.

Source: https://learn.microsoft.com/rest/api/authorization/permissions (its reference
names resource groups and resources; subscriptions are answered too, as in
https://learn.microsoft.com/azure/azure-resource-manager/management/api-authentication)
"""

from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.paging import page

PATH = "/providers/microsoft.authorization/permissions"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
EVERYTHING: Json = {
    "actions": ["*"],
    "notActions": [],
    "dataActions": ["*"],
    "notDataActions": [],
}


def held(call: Call) -> Reply:
    """List the permissions of every role that is assigned at the scope or above it."""
    scope = call.path.lower()[: -len(PATH)]
    world = call.state.world
    assigned = list(world.of_type(ASSIGNMENT, "/subscriptions"))
    if not assigned:
        return page(call, [EVERYTHING])
    found: list[Json] = []
    for one in assigned:
        where = one["id"].lower().partition("/providers/microsoft.authorization/")[0]
        role = world.get(str(one["properties"].get("roleDefinitionId", "")))
        if role is not None and (scope + "/").startswith(where + "/"):
            found += role["properties"].get("permissions", [])
    return page(call, found)
