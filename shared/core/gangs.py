"""Which pods are one job, what they ask for before they go, and what they say they saved.

A gang is what its scheduler or operator lets run only as a whole: one pod that leaves
makes all begin anew. Each writes on its pods which job they are of; nothing else is read,
and nobody is asked. Pure.

Sources: https://github.com/kubernetes-sigs/kueue (pkg/controller/jobs/pod/constants and
apis/kueue/v1beta1/topology_types.go),
https://github.com/volcano-sh/apis (pkg/apis/batch/v1alpha1/labels.go),
https://github.com/ray-project/kuberay (ray-operator/controllers/ray/utils/constant.go),
https://github.com/kubeflow/training-operator (pkg/apis/kubeflow.org/v1/common_types.go),
https://github.com/kubernetes-sigs/jobset (api/jobset/v1alpha2/jobset_types.go),
https://github.com/kubernetes-sigs/lws (api/leaderworkerset/v1/leaderworkerset_types.go),
https://github.com/kubernetes-sigs/scheduler-plugins (apis/scheduling/v1alpha1/types.go),
https://github.com/SlinkyProject/slurm-operator (api/v1beta1/well_known.go)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.moments import read_moment

DECLARED = "nightshift.azure/gang"
"""A label of ours, for pods that no operator we know put together."""
ASKS = "nightshift.azure/checkpoint"
"""An annotation: this pod wants to be told before its job is moved."""
TOLD = "nightshift.azure/checkpoint-requested"
"""The annotation by which it is told, unless the rule or the pod names another."""
TELLS = "nightshift.azure/checkpointed-at"
"""An annotation in which the job says when it last saved."""
BY_RULE = "rule"
"""What ``asked`` returns for a pod that leaves it to the rule how it is told."""
SHOWN = 64

_YES = frozenset({"", "true", "yes", "on"})
_LABELLED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("declared", (DECLARED,)),
    (
        "leader_worker_set",
        ("leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/group-index"),
    ),
    ("job_set", ("jobset.sigs.k8s.io/jobset-name",)),
    ("training_job", ("training.kubeflow.org/job-name",)),
    ("ray", ("ray.io/cluster",)),
    ("volcano", ("volcano.sh/job-name",)),
    ("kueue", ("kueue.x-k8s.io/pod-group-name",)),
    ("coscheduling", ("scheduling.x-k8s.io/pod-group",)),
)
"""The first that a pod bears counts: what restarts the job stands before what admitted it."""
_VOLCANO_GROUP = "scheduling.k8s.io/group-name"
_WORKLOAD, _PODSET = "kueue.x-k8s.io/workload", "kueue.x-k8s.io/podset"
_JOB, _INDEX = "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"
_SLINKY_HOST = "nodeset.slinky.slurm.net/pod-hostname"
_SLINKY_GROUP = "slinky.slurm.net/"
_KEY = re.compile(
    r"(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    r"/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""What an object of the API may be called; an annotation may hold anything."""
_RESERVED = re.compile(r"(^|\.)(kubernetes\.io|(x-)?k8s\.io)/")


@dataclass(frozen=True, slots=True)
class Gang:
    """A job whose pods leave together or not at all.

    Attributes:
        kind: Who says so: ``job_set``, ``ray``, ``volcano``, ...
        selector: The label selector that finds all its pods; empty if only an annotation
            names it.
    """

    kind: str
    namespace: str
    name: str
    selector: str = ""

    @property
    def key(self) -> str:
        """Name it within its cluster."""
        return f"{self.kind}/{self.namespace}/{self.name}"


def gang_of(
    namespace: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Gang | None:
    """Tell which gang a pod is of; None if it stands for itself."""
    for kind, keys in _LABELLED:
        values = [labels.get(key, "") for key in keys]
        if all(values):
            selector = ",".join(f"{k}={v}" for k, v in zip(keys, values, strict=True))
            return Gang(kind, namespace, "/".join(values), selector)
    group = annotations.get(_VOLCANO_GROUP, "")
    if _NAME.fullmatch(group):
        return Gang("pod_group", namespace, group)
    workload = annotations.get(_WORKLOAD, "")
    if _NAME.fullmatch(workload):
        return Gang(
            "kueue_workload", namespace, workload, _PODSET if _PODSET in labels else ""
        )
    if labels.get(_JOB) and (labels.get(_INDEX) or annotations.get(_INDEX)):
        return Gang("indexed_job", namespace, labels[_JOB], f"{_JOB}={labels[_JOB]}")
    return None


def asked(annotations: Mapping[str, str]) -> str:
    """Read by which annotation a pod wants to be told; ``BY_RULE``, or empty for not at all.

    A word that is neither yes nor an annotation that we may write asks for nothing.
    """
    if ASKS not in annotations:
        return ""
    said = annotations[ASKS].strip()
    if said.casefold() in _YES:
        return BY_RULE
    return said if is_signal_key(said) else ""


def is_signal_key(key: str) -> bool:
    """Tell whether pods may be told by an annotation of this name.

    Those of Kubernetes itself mean something to the cluster, and are not for us to set.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
    (syntax; the prefixes ``kubernetes.io/`` and ``k8s.io/`` are reserved)
    """
    return bool(_KEY.fullmatch(key)) and not _RESERVED.search(key)


def saved(annotations: Mapping[str, str]) -> str:
    """Read what a pod says of its job's last checkpoint, in its own words."""
    return annotations.get(TELLS, "").strip()[:SHOWN]


def slurm_host(
    labels: Mapping[str, str], owner: tuple[str, str], hostname: str, name: str
) -> str:
    """Name the Slurm node that a pod of a Slurm operator is; empty for any other pod.

    Args:
        owner: API version and kind of what controls it.
    """
    is_node = owner[0].startswith(_SLINKY_GROUP) and owner[1] == "NodeSet"
    if labels.get(_SLINKY_HOST):
        return labels[_SLINKY_HOST]
    return (hostname or name) if is_node else ""


def age_s(said: str, now_s: float) -> float | None:
    """Say how many seconds ago a checkpoint was, if what was said of it is a moment.

    A moment in the future, by more than clocks differ, is none.
    """
    try:
        if said.isascii() and said.isdecimal():
            at = float(said)
        else:
            moment = read_moment(said)
            if moment is None:
                return None
            at = moment.timestamp()
    except ValueError:
        return None
    age = now_s - at
    return round(max(age, 0.0), 1) if age > -_CLOCKS_DIFFER_S else None


_CLOCKS_DIFFER_S = 60.0
