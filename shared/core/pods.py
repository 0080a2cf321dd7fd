"""Which pods leave a node in a drain, in kubectl's own order of filters.

Pure: what to do about each pod, and with which grace. The engine asks the port to
evict; nothing here knows HTTP.

Source: https://github.com/kubernetes/kubectl/blob/master/pkg/drain/filters.go
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.core.gangs import Gang

MIN_GRACE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod on a node, as far as a drain cares.

    Attributes:
        controller: Kind of the controlling owner (``ReplicaSet``, ``DaemonSet``...), or empty.
        is_orphaned_daemon: Its owner is a DaemonSet that no longer exists.
        is_mirror: It carries ``kubernetes.io/config.mirror``.
        has_local_storage: It mounts an ``emptyDir``.
        is_finished: Its phase is Succeeded or Failed.
        deleting_since: Its ``deletionTimestamp``, or None.
        grace: Its own ``terminationGracePeriodSeconds``.
        created_at: When it was created; None if that is not told.
        tolerates_cordon: It may be put on a node that is cordoned.
        node: Name of the node it is on; empty if that is not told.
        gang: The job that it is a part of; None if it stands for itself.
        asks: By which annotation it wants to be told before it goes; see ``gangs.asked``.
        checkpointed: What it last said of its job's checkpoint.
        slurm_host: The Slurm node that it is, if a Slurm operator runs it; else empty.
    """

    namespace: str
    name: str
    uid: str
    controller: str = ""
    is_orphaned_daemon: bool = False
    is_mirror: bool = False
    has_local_storage: bool = False
    is_finished: bool = False
    deleting_since: datetime | None = None
    grace: timedelta = timedelta(seconds=30)
    created_at: datetime | None = None
    tolerates_cordon: bool = False
    node: str = ""
    gang: Gang | None = None
    asks: str = ""
    checkpointed: str = ""
    slurm_host: str = ""

    @property
    def label(self) -> str:
        """``namespace/name``, as people write it."""
        return f"{self.namespace}/{self.name}"


class Fate(StrEnum):
    """What a drain does about one pod."""

    EVICT = "evict"
    WAIT = "wait"
    LEAVE = "leave"
    REFUSE = "refuse"
    SLURM = "slurm"


@dataclass(frozen=True, slots=True)
class DrainOptions:
    """kubectl's switches, by their own names.

    Attributes:
        force: Evict pods that nothing will start again.
        delete_emptydir_data: Evict pods whose emptyDir is lost with them.
    """

    force: bool = False
    delete_emptydir_data: bool = False


def fate(pod: Pod, options: DrainOptions) -> tuple[Fate, str]:
    """Say what a drain does about a pod, and why if it is not evicted.

    The order is kubectl's: DaemonSet, mirror, local storage, unreplicated; the first
    filter that does not say "delete" wins. A finished pod may always go.

    Before all of them: a pod that is a Slurm node is not evicted. Slurm would go on
    giving it jobs, and those on it would end without a word.
    """
    if pod.slurm_host and not pod.is_finished:
        return Fate.SLURM, "a Slurm node: emptied through Slurm"
    if pod.controller == "DaemonSet" and not pod.is_finished:
        if not pod.is_orphaned_daemon:
            return Fate.LEAVE, "managed by a DaemonSet"
        if not options.force:
            return Fate.REFUSE, "its DaemonSet is gone: set force to evict it"
    if pod.is_mirror:
        return Fate.LEAVE, "a static pod of the node"
    if pod.has_local_storage and not pod.is_finished and not options.delete_emptydir_data:
        return Fate.REFUSE, "uses an emptyDir: set delete_emptydir_data to evict it"
    if not pod.controller and not pod.is_finished and not options.force:
        return Fate.REFUSE, "no controller would start it again: set force to evict it"
    return (Fate.WAIT, "already leaving") if pod.deleting_since else (Fate.EVICT, "")


def to_move(pods: Iterable[Pod]) -> int:
    """Count the pods that a drain would have to move: a node without any is idle.

    A pod that is a Slurm node counts: there may be jobs in it.
    """
    everything = DrainOptions(force=True, delete_emptydir_data=True)
    return sum(
        not pod.is_finished and fate(pod, everything)[0] is not Fate.LEAVE for pod in pods
    )


def came_after(pod: Pod, begun: datetime | None) -> bool:
    """Tell whether a pod came to the node in spite of its cordon, and would come again.

    Evicted, its successor is put on the very same node, and the drain never ends. What
    merely slipped in while the node was being cordoned tolerates nothing, and goes.
    """
    if begun is None or pod.created_at is None:
        return False
    return pod.tolerates_cordon and pod.created_at > begun


def grace_for(
    pod: Pod,
    *,
    cap: timedelta | None,
    deadline: datetime | None,
    margin: timedelta,
    now: datetime,
) -> timedelta | None:
    """Return the grace to ask for, or None to leave the pod its own.

    The least of the pod's own grace, the rule's cap, and what is left to the deadline
    less the margin; never below a second, which the kubelet needs to signal at all.
    """
    limits = [pod.grace]
    if cap is not None:
        limits.append(cap)
    if deadline is not None:
        limits.append(deadline - margin - now)
    least = max(min(limits), MIN_GRACE)
    return None if least >= pod.grace else timedelta(seconds=int(least.total_seconds()))
