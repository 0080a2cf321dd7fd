"""What reading a resource shows: not all that the world holds of it."""

from sandbox.azure.call import Json
from sandbox.azure.compute_defaults import INSTANCE, VM
from sandbox.azure.ml_nodes import counted

BATCH_ACCOUNT = "microsoft.batch/batchaccounts"
SITE = "microsoft.web/sites"
WORKSPACE = "microsoft.machinelearningservices/workspaces"
COMPUTE = f"{WORKSPACE}/computes"


def shown(resource: Json, *, instance_view: bool = False, address: str = "") -> Json:
    """Show a resource as its service does: an instance view only when asked for.

    A Batch account shows where its data plane is, which no world file can know, and so
    does an Azure ML workspace; a cluster shows its nodes counted.
    """
    if resource["type"].lower() == COMPUTE:
        return counted(resource)
    if resource["type"].lower() == SITE:
        return {key: value for key, value in resource.items() if not key.startswith("_")}
    if resource["type"].lower() == WORKSPACE:
        properties = {"discoveryUrl": f"{address}/discovery", **resource["properties"]}
        return {**resource, "properties": properties}
    if resource["type"].lower() == BATCH_ACCOUNT:
        where = f"{address.removeprefix('https://')}/batch/{resource['name']}"
        properties = {"accountEndpoint": where, **resource["properties"]}
        return {**resource, "properties": properties}
    if instance_view or resource["type"].lower() not in {VM, INSTANCE}:
        return resource
    properties = {
        key: value for key, value in resource["properties"].items() if key != "instanceView"
    }
    return {**resource, "properties": properties}


def status_only(vm: Json) -> Json:
    """Show a VM as the list with ``statusOnly=true`` does: who it is and its state.

    Tags, size and disks are left out, so that no caller comes to rely on them there.
    Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
    """
    properties = vm["properties"]
    kept = {
        key: properties[key]
        for key in ("vmId", "instanceView", "provisioningState")
        if key in properties
    }
    return {
        "id": vm["id"],
        "name": vm["name"],
        "type": vm["type"],
        "location": vm.get("location"),
        "properties": kept,
    }
