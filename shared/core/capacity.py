"""Tell "there is none to be had" from every other error of the compute service.

Capacity and quota are nothing that a retry of the same request mends: something else must
be asked for. Decides by the service's own words, and touches nothing.

Source: https://learn.microsoft.com/azure/virtual-machines/error-codes-spot,
https://learn.microsoft.com/troubleshoot/azure/virtual-machines/allocation-failure,
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-resource-quota
"""

from __future__ import annotations

NO_CAPACITY = frozenset(
    {
        "skunotavailable",
        "allocationfailed",
        "zonalallocationfailed",
        "overconstrainedallocationrequest",
        "overconstrainedzonalallocationrequest",
        "quotaexceeded",
    }
)
ALSO_QUOTA = "operationnotallowed"
"""A spent quota of cores comes under this code, and so does much else."""


def is_no_capacity(code: str, message: str) -> bool:
    """Tell whether an error says that capacity or quota is missing.

    Args:
        code: The service's error code; a longer text counts up to its first colon.
        message: Its words, which alone tell a spent quota from a forbidden operation.
    """
    name = code.partition(":")[0].strip().casefold()
    return name in NO_CAPACITY or (name == ALSO_QUOTA and "quota" in message.casefold())
