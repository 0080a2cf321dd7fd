"""A fleet of nodes, as many as wanted, for storms: one scale set, a pod or more each."""

from typing import Any

from sandbox.demo import world

Json = dict[str, Any]
FIRST = 1000


def numbers(count: int) -> range:
    """Decimal numbers of the fleet's instances."""
    return range(FIRST, FIRST + count)


def build(count: int, *, pods: int = 1, exits_after: str = "100ms") -> Json:
    """Write a world with so many nodes and nothing else to disturb the count."""
    group = world.NODE_GROUP.rpartition("/")[2]
    scale_set = {
        "id": world.SCALE_SET,
        "location": world.REGION,
        "tags": {"workload": "training"},
        "sku": {"name": world.GPU_SIZE, "capacity": count},
        "properties": {"orchestrationMode": "Uniform"},
    }
    cluster = {
        "id": world.CLUSTER,
        "location": world.REGION,
        "properties": {"nodeResourceGroup": group},
    }
    objects: list[Json] = []
    for number in numbers(count):
        objects.append(world.node(number))
        objects += [
            world.pod(
                f"work-{number}-{i}",
                world.node_name(number),
                "Job",
                f"job-{number}-{i}",
                exits_after=exits_after,
            )
            for i in range(pods)
        ]
    return {
        "resources": [
            cluster,
            scale_set,
            *(
                {
                    "id": world.instance_id(n),
                    "location": world.REGION,
                    "sku": {"name": world.GPU_SIZE},
                }
                for n in numbers(count)
            ),
        ],
        "kubernetes": {world.CLUSTER: {"objects": objects}},
    }
