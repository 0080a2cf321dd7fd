"""The nodes of an Azure ML compute cluster as its counts show them."""

from collections import Counter

from sandbox.azure.call import Json

STATES = ("idle", "running", "preparing", "unusable", "leaving", "preempted")
GONE = frozenset({"preempted", "leaving"})


def is_cluster(compute: Json) -> bool:
    """Tell whether a compute is a cluster."""
    return str(compute["properties"].get("computeType", "")).lower() == "amlcompute"


def counted(compute: Json) -> Json:
    """Show a cluster with the counts of its nodes."""
    if not is_cluster(compute) or "_nodes" not in compute:
        return compute
    states = Counter(str(one.get("nodeState", "idle")) for one in compute["_nodes"])
    present = sum(count for state, count in states.items() if state not in GONE)
    totals = {
        "nodeStateCounts": {f"{state}NodeCount": states[state] for state in STATES},
        "currentNodeCount": present,
        "allocationState": "Steady",
    }
    inner = {**totals, **compute["properties"].get("properties", {})}
    kept = {key: value for key, value in compute.items() if key != "_nodes"}
    return {**kept, "properties": {**compute["properties"], "properties": inner}}
