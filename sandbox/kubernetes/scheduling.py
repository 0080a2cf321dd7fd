"""Which node a pod without one goes to, and what a node's cordon looks like.

Plays the scheduler, and the node controller's taint. Takes no resources into
account: the emptiest node that accepts the pod gets it.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from sandbox.kubernetes import facts
from sandbox.kubernetes.resources import NODES, Manifest
from sandbox.kubernetes.store import Store

UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def pick_node(store: Store, pod: Manifest) -> str | None:
    """Choose the node for a pod, or None when no node accepts it."""
    accepting = [
        name for (_, name), node in store.all(NODES).items() if facts.takes_new_pods(node, pod)
    ]
    return min(accepting, key=lambda name: (len(store.pods_on(name)), name), default=None)


def with_cordon_taint(node: Manifest) -> Manifest:
    """Return the node with the taint that goes with its ``spec.unschedulable``.

    The node lifecycle controller adds it on a cordon and takes it away on an
    uncordon; clients that restore a node's taints must know it is not theirs.
    """
    spec = node.get("spec") or {}
    others = [t for t in spec.get("taints") or () if t.get("key") != UNSCHEDULABLE["key"]]
    taints = [*others, UNSCHEDULABLE] if spec.get("unschedulable") else others
    if taints == (spec.get("taints") or []):
        return node
    rest = {key: value for key, value in spec.items() if key != "taints"}
    return {**node, "spec": {**rest, "taints": taints} if taints else rest}
