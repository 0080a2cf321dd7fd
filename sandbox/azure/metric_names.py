"""Which metrics a resource type has, and in what unit.

A name that the platform does not have is refused, as in Azure; what the guest reports
itself (GPU use of a VM) lies in namespaces of its own, where any name may appear.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index
"""

from sandbox.azure.call import Call, Json
from sandbox.azure.errors import ServiceError

_MACHINE = (
    "Percentage CPU",
    "Network In",
    "Network Out",
    "Network In Total",
    "Network Out Total",
    "Disk Read Bytes",
    "Disk Write Bytes",
    "Disk Read Operations/Sec",
    "Disk Write Operations/Sec",
    "Available Memory Bytes",
    "Available Memory Percentage",
    "CPU Credits Remaining",
    "CPU Credits Consumed",
    "Inbound Flows",
    "Outbound Flows",
    "OS Disk Queue Depth",
    "Data Disk Queue Depth",
    "VmAvailabilityMetric",
    *(
        f"{whose} {what} Consumed Percentage"
        for whose in ("OS Disk", "Data Disk", "VM Cached", "VM Uncached")
        for what in ("IOPS", "Bandwidth")
    ),
)
KNOWN = {
    "microsoft.compute/virtualmachines": _MACHINE,
    "microsoft.compute/virtualmachinescalesets": _MACHINE,
    "microsoft.compute/virtualmachinescalesets/virtualmachines": _MACHINE,
}


def check_names(call: Call, namespace: str, names: tuple[str, ...]) -> None:
    """Refuse a metric that a platform namespace does not have.

    Raises:
        ServiceError: 400, naming the metrics that it has.
    """
    known = KNOWN.get(namespace.lower())
    if known is None:
        return
    held = {
        one["name"].lower()
        for one in call.state.world.metrics
        if one["namespace"].lower() == namespace.lower()
    }
    for name in names:
        if name.lower() not in held | {one.lower() for one in known}:
            raise ServiceError(
                400,
                "BadRequest",
                f"Failed to find metric configuration for provider: {namespace}, metric: "
                f"{name}, Valid metrics: {','.join(known)}",
            )


def unit_of(name: str, held: list[Json]) -> str:
    """Say the unit: what the world says, else what the name suggests."""
    for one in held:
        if "unit" in one:
            return str(one["unit"])
    lowered = name.lower()
    if "percent" in lowered or "utilization" in lowered:
        return "Percent"
    return "Bytes" if "bytes" in lowered or "network" in lowered else "Count"
