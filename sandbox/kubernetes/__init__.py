"""A Kubernetes API server stand-in: what kubectl and a drain need, over a world.

It serves the real wire protocol to real clients and plays the few controllers
a drain waits for (kubelet, ReplicaSet, DaemonSet, scheduler, disruption
budgets). It authenticates nobody; whoever mounts it does.
"""

from sandbox.kubernetes.api import KubernetesApi

__all__ = ["KubernetesApi"]
